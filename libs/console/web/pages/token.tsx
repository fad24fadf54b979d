import { useState } from 'preact/hooks';
import { Link } from 'wouter-preact';
import type { NewRefresh, Session, Token } from '../../src/wire/index.js';
import { apiUrl, MOUNT, probe, send, withQuery } from '../data/api.js';
import { useFilters } from '../data/filters.js';
import { LIST_MS, useAction, useRead } from '../data/queries.js';
import { Copy, CopyButton, Foreign, ForeignName, ForeignUrl } from '../parts/foreign.js';
import { Glyph } from '../parts/glyph.js';
import { Fact, Head } from '../parts/head.js';
import { Icon } from '../parts/icon.js';
import { AddressLink, CollectionLabel, HEADING_CHARACTERS, nameOf } from '../parts/names.js';
import { Empty, LoadedPage } from '../parts/states.js';
import { Tabs } from '../parts/table.js';
import { Ago, When } from '../parts/time.js';
import { Pill, RECORD_SIGNS } from '../parts/verdict.js';
import { retrySentence } from '../advice.js';
import { useServerTime } from '../data/clock.js';
import { linesOfFields } from '../text/field-lines.js';
import { formatBytes, formatCount, plural } from '../text/numbers.js';
import { formatDay, formatOnDay } from '../text/times.js';
import { shortId } from '../text/token-ids.js';
import { TokenAttemptsCard } from './token-attempts.js';
import { TokenHistoryCard } from './token-history.js';

type Details = Token['token'];

const TABS = [
  { tab: null, text: 'Now' },
  { tab: 'document', text: 'Document' },
  { tab: 'attempts', text: 'Attempts' },
  { tab: 'history', text: 'History' },
] as const;

interface Props {
  chain: string;
  address: string;
  tokenId: string;
  session: Session;
}

/** Why does this token look as it does? */
export function TokenPage({ chain, address, tokenId, session }: Props) {
  const path = ['tokens', chain, address, tokenId].map(encodeURIComponent).join('/');
  const read = useRead<Token>(path, LIST_MS);
  return (
    <LoadedPage read={read} what="token">
      {({ token }) => <Page token={token} path={path} session={session} />}
    </LoadedPage>
  );
}

function Page({ token, path, session }: { token: Details; path: string; session: Session }) {
  const { values, cursor, linkWith, set } = useFilters('tab', 'from', 'to');
  const title =
    token.name === null ? (
      <>Token {shortId(token.tokenId)}</>
    ) : (
      <ForeignName text={token.name} max={HEADING_CHARACTERS} />
    );
  return (
    <>
      <Head
        title={title}
        sign={<Pill {...RECORD_SIGNS[token.status]} />}
        tabTitle={`${shortId(token.tokenId)} · ${nameOf(token.collection)}`}
        path={[
          { text: 'Tokens', href: '/tokens' },
          { text: nameOf(token.collection) },
          { text: shortId(token.tokenId) },
        ]}
        actions={<Actions token={token} path={path} api={session.api} />}
      >
        <Facts token={token} />
      </Head>
      <div class="stack">
        <Tabs
          label="About this token"
          choices={TABS.map(({ tab, text }) => ({
            text,
            href: linkWith({ tab, from: null, to: null }),
            isCurrent: values.tab === tab,
          }))}
        />
        {values.tab === 'document' ? (
          <DocumentTab token={token} path={path} />
        ) : values.tab === 'attempts' ? (
          <TokenAttemptsCard path={path} filters={{ cursor, linkWith }} />
        ) : values.tab === 'history' ? (
          <TokenHistoryCard
            path={path}
            current={token.version}
            from={values.from}
            to={values.to}
            onCompare={set}
            filters={{ cursor, linkWith }}
          />
        ) : (
          <NowTab token={token} path={path} />
        )}
      </div>
    </>
  );
}

function Facts({ token }: { token: Details }) {
  return (
    <>
      <p class="lede">
        <StatusSentence token={token} />
      </p>
      <div class="facts">
        <Fact icon="gem">
          <span class="mono" title={token.tokenId}>
            {shortId(token.tokenId)}
          </span>{' '}
          <Copy text={token.tokenId} what="token id" />
        </Fact>
        {token.collection.name !== null && (
          <Fact icon="box">
            <Link href={`/refreshes?collection=${token.collection.id}`}>
              <CollectionLabel collection={token.collection} />
            </Link>
          </Fact>
        )}
        <Fact icon={token.collection.name === null ? 'box' : 'chain'}>
          <AddressLink collection={token.collection} />
        </Fact>
        {token.project && (
          <Fact icon="people">
            <Link href={`/refreshes?project=${token.project.id}`}>{token.project.name}</Link>
          </Fact>
        )}
      </div>
    </>
  );
}

/** "Shows what it showed on 12 Nov; 3 fetches failed since." */
function StatusSentence({ token }: { token: Details }) {
  const now = useServerTime();
  const { status, lastSuccessAt, changedAt, failCount, heldUntil, burnedAt, metadataSource, pushedBy, project } = token;
  const end = heldUntil === 'forever' ? 'its hold is ended' : heldUntil && formatDay(heldUntil, now);
  const held = end === null ? null : ` Refreshes do not change it until ${end}.`;
  const burned = burnedAt === null ? null : ` It was burnt ${formatOnDay(burnedAt, now)}.`;
  const isPushed = metadataSource === 'pushed';
  const pusher = pushedBy !== null && (pushedBy === project?.id ? project.name : pushedBy);
  // Of several tries each.
  const fetches = plural(failCount, 'fetch', 'fetches');
  switch (status) {
    case 'pending':
      return (
        <>
          It has never been fetched.{held}
          {burned}
        </>
      );
    case 'failed':
      return (
        <>
          It has no metadata: {fetches} failed.{held}
          {burned}
        </>
      );
    case 'stale':
      return (
        <>
          It shows what it showed {lastSuccessAt === null ? 'on an earlier day' : formatOnDay(lastSuccessAt, now)};{' '}
          {fetches} failed since.{held}
          {burned}
        </>
      );
    case 'ok':
      return (
        <>
          {isPushed ? 'Pushed' : 'Fetched'} {lastSuccessAt === null ? 'once' : <Ago at={lastSuccessAt} />}
          {isPushed && pusher !== false && (
            <>
              {' '}
              by <ForeignName text={pusher} />
            </>
          )}
          {changedAt !== null && <>, unchanged since {formatDay(changedAt, now)}</>}.{held}
          {burned}
        </>
      );
  }
}

function Actions({ token, path, api }: { token: Details; path: string; api: Session['api'] }) {
  const { isBusy, run } = useAction();
  const refresh = () =>
    void run(async () => {
      const { refreshId } = await send<NewRefresh>('POST', `${path}/refresh`);
      return {
        tone: 'ok',
        text: 'The token is requested again.',
        link: { href: `/refreshes/${refreshId}`, text: 'Show the refresh' },
      };
    });
  const { address } = token.collection;
  const link = api?.tokens ? new URL(`${api.path}/collections/${address}/tokens/${token.tokenId}`, MOUNT).href : null;
  return (
    <>
      {link !== null && <CopyButton text={link} what="link of the API" />}
      {token.actions.refresh && (
        <button type="button" class="btn main" aria-busy={isBusy} onClick={refresh}>
          <Icon name="again" />
          Refresh this token
        </button>
      )}
    </>
  );
}

function NowTab({ token, path }: { token: Details; path: string }) {
  return (
    <div class="cols">
      <div class="stack">
        {token.lastError && <LastError error={token.lastError} token={token} />}
        <section class="card" aria-labelledby="shows">
          <header>
            <h2 id="shows">What it shows</h2>
            {token.version > 0 && <span class="faint">version {formatCount(token.version)}</span>}
          </header>
          <div class="pad">
            {token.contentHash === null ? (
              <p class="muted">Nothing yet.</p>
            ) : (
              <>
                {token.description !== null && (
                  <p class="prose">
                    <Foreign text={token.description} max={600} />
                  </p>
                )}
                <Links token={token} />
              </>
            )}
          </div>
        </section>
        <Traits token={token} />
      </div>
      <aside class="stack" aria-label="Picture">
        <Picture key={token.version} token={token} path={path} />
        <Record token={token} />
      </aside>
    </div>
  );
}

function LastError({ error, token }: { error: NonNullable<Details['lastError']>; token: Details }) {
  return (
    <section class="card" aria-labelledby="error">
      <header>
        <h2 id="error">Why it failed</h2>
        {token.lastAttemptAt !== null && (
          <span class="muted">
            last try <Ago at={token.lastAttemptAt} />
          </span>
        )}
      </header>
      <ul class="fixes signs">
        <li>
          <span class="sign bad">
            <Icon name="x" />
          </span>
          <div>
            <h3>
              {error.title} <span class="code">{error.reason}</span>
            </h3>
            <p>
              {error.advice} {retrySentence(error.reason)}
            </p>
          </div>
        </li>
      </ul>
    </section>
  );
}

function Links({ token }: { token: Details }) {
  const links: [string, string | null][] = [
    ['Image', token.imageOriginal ?? token.imageUrl],
    ['Animation', token.animationOriginal ?? token.animationUrl],
    ['Website', token.externalUrl],
    ['Video', token.youtubeUrl],
    ['Document', token.metadataUrl],
  ];
  const shown = links.filter((link): link is [string, string] => link[1] !== null && link[1] !== '');
  if (shown.length === 0) return null;
  return (
    <dl class="fields">
      {shown.map(([name, url]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>
            <ForeignUrl url={url} />
          </dd>
        </div>
      ))}
    </dl>
  );
}

function Traits({ token: { attributes, collectionTokens } }: { token: Details }) {
  if (attributes.length === 0) return null;
  return (
    <section class="card" aria-labelledby="traits">
      <header>
        <h2 id="traits">Traits</h2>
        <span class="muted">and how many of {plural(collectionTokens, 'token')} have the same</span>
      </header>
      <dl class="traits">
        {attributes.map(({ traitType, value, tokens, displayType }, index) => (
          <div key={index}>
            <dt>
              {traitType === '' ? 'no type' : <Foreign text={traitType} max={60} />}
              {displayType !== null && <span class="faint"> · {displayType}</span>}
            </dt>
            <dd>
              <Foreign text={String(value)} max={120} />
              <small>
                {tokens === null ? 'not counted' : `${formatCount(tokens)} of ${formatCount(collectionTokens)}`}
              </small>
            </dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

function schemeOf(url: string): string {
  return /^([a-z][a-z0-9+.-]*):/i.exec(url)?.[1]?.toLowerCase() ?? 'its server';
}

/** A glyph of the content until somebody asks for the picture; it then comes through the service, never from the stranger. */
function Picture({ token, path }: { token: Details; path: string }) {
  const [state, setState] = useState<'glyph' | 'loading' | 'shown'>('glyph');
  const [problem, setProblem] = useState<string | null>(null);
  const source = token.imageOriginal ?? token.imageUrl;
  const image = apiUrl(withQuery(`${path}/image`, { v: String(token.version) }));
  const load = () => {
    setProblem(null);
    setState('loading');
  };
  // Only now, because each request to the service may be one to the stranger. An <img> does not say why it failed.
  const findReason = async () => {
    try {
      await probe(`${path}/image`);
      setProblem('This browser could not show the picture.');
    } catch (error) {
      setProblem((error as Error).message);
    }
    setState('glyph');
  };
  return (
    <section class="card picture" aria-labelledby="picture">
      <h2 id="picture" class="sr">
        Picture
      </h2>
      {state !== 'glyph' && (
        <img
          src={image}
          alt={`Picture of token ${shortId(token.tokenId)}`}
          hidden={state === 'loading'}
          onLoad={() => setState('shown')}
          onError={() => void findReason()}
        />
      )}
      {state !== 'shown' && <Glyph seed={token.contentHash} size={160} />}
      <p class="problem" role="alert">
        {problem}
      </p>
      {token.actions.image && source !== null && state !== 'shown' && (
        <button type="button" class="btn small" aria-busy={state === 'loading'} onClick={load}>
          {problem === null ? `Load picture from ${schemeOf(source)}:` : 'Try again'}
        </button>
      )}
      {token.animationOriginal !== null && <p class="faint small">Animations are never run here.</p>}
    </section>
  );
}

function Record({ token }: { token: Details }) {
  return (
    <section class="card pad" aria-labelledby="record">
      <h2 id="record">Record</h2>
      <dl class="kv">
        <dt>Version</dt>
        <dd>{token.version === 0 ? 'none yet' : formatCount(token.version)}</dd>
        {token.documentBytes !== null && (
          <>
            <dt>Document</dt>
            <dd>{formatBytes(token.documentBytes)}</dd>
          </>
        )}
        <dt>Registered</dt>
        <dd>
          <When at={token.registeredAt} />
        </dd>
        {token.lastAttemptAt !== null && (
          <>
            <dt>Last try</dt>
            <dd>
              <When at={token.lastAttemptAt} />
            </dd>
          </>
        )}
        {token.changedAt !== null && (
          <>
            <dt>Changed</dt>
            <dd>
              <When at={token.changedAt} />
            </dd>
          </>
        )}
        {token.contentHash !== null && (
          <>
            <dt>Content hash</dt>
            <dd>
              <span class="mono">{token.contentHash.slice(0, 10)}…</span>{' '}
              <Copy text={token.contentHash} what="content hash" />
            </dd>
          </>
        )}
      </dl>
    </section>
  );
}

function DocumentTab({ token, path }: { token: Details; path: string }) {
  const { document, documentBytes, warnings } = token;
  if (document === null) {
    return (
      <section class="card">
        <Empty icon="box" title="There is no document yet">
          <p>It is here after the first successful fetch.</p>
        </Empty>
      </section>
    );
  }
  const located = warnings.map((warning) => ({ ...warning, lines: linesOfFields(warning.fields, document) }));
  const isCut = documentBytes !== null && new TextEncoder().encode(document).length < documentBytes;
  return (
    <div class="cols">
      <section class="card" aria-labelledby="served">
        <header>
          <h2 id="served">As served</h2>
          {documentBytes !== null && (
            <span class="faint">
              {formatBytes(documentBytes)}
              {isCut && ', the beginning'}
            </span>
          )}
          <span class="end acts">
            <Copy text={document} what="document" />
            <a class="btn small" href={apiUrl(`${path}/document`)} download>
              <Icon name="down" />
              Download
            </a>
          </span>
        </header>
        <Lines text={document} marked={located.flatMap(({ lines }) => lines)} />
      </section>
      <aside class="stack" aria-label="What we made of it">
        {warnings.length > 0 && (
          <section class="card pad" aria-labelledby="warnings">
            <h2 id="warnings">{plural(warnings.length, 'warning')}</h2>
            <ul class="plain">
              {located.map(({ code, message, lines }) => (
                <li key={code}>
                  <span class="code">{code}</span> {message}
                  {lines.map((line) => (
                    <LineButton key={line} line={line} />
                  ))}
                </li>
              ))}
            </ul>
          </section>
        )}
        <section class="card pad" aria-labelledby="made">
          <h2 id="made">What we made of it</h2>
          <dl class="fields">
            <FieldRow name="name" value={token.name} />
            <FieldRow name="description" value={token.description} />
            <FieldRow name="image" value={token.imageUrl} />
            <FieldRow name="animation" value={token.animationUrl} />
            <FieldRow name="external URL" value={token.externalUrl} />
            <FieldRow name="background colour" value={token.backgroundColor} />
            <div>
              <dt>traits</dt>
              <dd>{formatCount(token.attributes.length)}</dd>
            </div>
          </dl>
        </section>
      </aside>
    </div>
  );
}

function FieldRow({ name, value }: { name: string; value: string | null }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value === null ? <span class="faint">none</span> : <Foreign text={value} max={300} />}</dd>
    </div>
  );
}

/** Shows a line of the document that a warning is about. */
function LineButton({ line }: { line: number }) {
  const show = () => {
    const element = globalThis.document.getElementById(`line-${line}`);
    element?.scrollIntoView({ block: 'center' });
    element?.focus({ preventScroll: true });
  };
  return (
    <>
      {' '}
      <button type="button" class="more" onClick={show}>
        line {formatCount(line)}
      </button>
    </>
  );
}

/** Text with the numbers of its lines. Each line is cut on its own: a document can be one line of megabytes. */
function Lines({ text, marked }: { text: string; marked: readonly number[] }) {
  return (
    <div class="doc" tabindex={0} role="group" aria-label="Document">
      {text.split('\n').map((line, index) => (
        <div key={index} id={`line-${index + 1}`} {...(marked.includes(index + 1) && { class: 'hit', tabIndex: -1 })}>
          <span aria-hidden="true">{index + 1}</span>
          <span>
            <Foreign text={line} max={4000} />
          </span>
        </div>
      ))}
    </div>
  );
}
