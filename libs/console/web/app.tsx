import { useRef } from 'preact/hooks';
import { Route, Switch, useLocation } from 'wouter-preact';
import type { Session } from '../src/wire/index.js';
import { connection } from './data/api.js';
import { useSession } from './data/session.js';
import { useStore } from './data/store.js';
import { OverviewPage } from './pages/overview.js';
import { RefreshPage } from './pages/refresh.js';
import { RefreshesPage } from './pages/refreshes.js';
import { SignInPage } from './pages/sign-in.js';
import { ErrorBoundary } from './parts/error-boundary.js';
import { BareFrame, Frame } from './parts/frame.js';
import { lazyPage } from './parts/lazy-page.js';
import { Loaded, NotFound } from './parts/states.js';

const TokensPage = lazyPage(async () => (await import('./pages/tokens.js')).TokensPage);
const TokenPage = lazyPage(async () => (await import('./pages/token.js')).TokenPage);
const FailuresPage = lazyPage(async () => (await import('./pages/failures.js')).FailuresPage);
const ValidatePage = lazyPage(async () => (await import('./pages/validate.js')).ValidatePage);
const NewRefreshPage = lazyPage(async () => (await import('./pages/new-refresh.js')).NewRefreshPage);
const RevealsPage = lazyPage(async () => (await import('./pages/reveals.js')).RevealsPage);
const RevealPage = lazyPage(async () => (await import('./pages/reveal.js')).RevealPage);
const HostsPage = lazyPage(async () => (await import('./pages/hosts.js')).HostsPage);
const HostPage = lazyPage(async () => (await import('./pages/host.js')).HostPage);
const WorkersPage = lazyPage(async () => (await import('./pages/workers.js')).WorkersPage);
const WebhooksPage = lazyPage(async () => (await import('./pages/webhooks.js')).WebhooksPage);
const WebhookPage = lazyPage(async () => (await import('./pages/webhook.js')).WebhookPage);
const ChainPage = lazyPage(async () => (await import('./pages/chain.js')).ChainPage);
const ProjectsPage = lazyPage(async () => (await import('./pages/projects.js')).ProjectsPage);
const ProjectPage = lazyPage(async () => (await import('./pages/project.js')).ProjectPage);
const LimitsPage = lazyPage(async () => (await import('./pages/limits.js')).LimitsPage);

export function App() {
  const read = useSession();
  const { isSignedOut } = useStore(connection);
  const wasSignedIn = useRef(false);
  const { data } = read;
  if (data === undefined) {
    return (
      <BareFrame>
        <Loaded read={read} isPage>
          {() => null}
        </Loaded>
      </BareFrame>
    );
  }
  // In place: the URL stays, and after signing in it is the page.
  if (data.person === null || isSignedOut) return <SignInPage session={data} isAgain={wasSignedIn.current} />;
  wasSignedIn.current = true;
  return (
    <Frame session={data}>
      <Pages session={data} />
    </Frame>
  );
}

/** Those that the person may see; all others are not there. */
function Pages({ session }: { session: Session }) {
  const [path] = useLocation();
  const has = (page: Session['pages'][number]) => session.pages.includes(page);
  return (
    <ErrorBoundary key={path}>
      <Switch>
        <Route path="/">
          <OverviewPage />
        </Route>
        {has('refreshes') && (
          <Route path="/refreshes">
            <RefreshesPage session={session} />
          </Route>
        )}
        {has('refreshes') && session.mayAct && (
          <Route path="/refreshes/new">
            <NewRefreshPage session={session} />
          </Route>
        )}
        {has('refreshes') && (
          <Route path="/refreshes/:id">{({ id }) => <RefreshPage key={id} id={id} session={session} />}</Route>
        )}
        {has('tokens') && <Route path="/tokens" component={TokensPage} />}
        {has('tokens') && (
          <Route path="/tokens/:chain/:address/:tokenId">
            {({ chain, address, tokenId }) => (
              <TokenPage
                key={`${chain} ${address} ${tokenId}`}
                chain={chain}
                address={address}
                tokenId={tokenId}
                session={session}
              />
            )}
          </Route>
        )}
        {has('failures') && (
          <Route path="/failures">
            <FailuresPage session={session} />
          </Route>
        )}
        {has('validate') && (
          <Route path="/validate">
            <ValidatePage session={session} />
          </Route>
        )}
        {has('reveals') && (
          <Route path="/reveals">
            <RevealsPage session={session} />
          </Route>
        )}
        {has('reveals') && <Route path="/reveals/:id">{({ id }) => <RevealPage key={id} id={id} />}</Route>}
        {has('hosts') && <Route path="/hosts" component={HostsPage} />}
        {has('hosts') && <Route path="/hosts/:host">{({ host }) => <HostPage key={host} session={session} />}</Route>}
        {has('workers') && <Route path="/workers" component={WorkersPage} />}
        {has('webhooks') && (
          <Route path="/webhooks">
            <WebhooksPage session={session} />
          </Route>
        )}
        {has('webhooks') && <Route path="/webhooks/:id">{({ id }) => <WebhookPage key={id} id={id} />}</Route>}
        {has('chain') && <Route path="/chain" component={ChainPage} />}
        {has('projects') && <Route path="/projects" component={ProjectsPage} />}
        {has('projects') && <Route path="/projects/:id">{({ id }) => <ProjectPage key={id} id={id} />}</Route>}
        {has('limits') && <Route path="/limits" component={LimitsPage} />}
        <Route>
          <NotFound />
        </Route>
      </Switch>
    </ErrorBoundary>
  );
}
