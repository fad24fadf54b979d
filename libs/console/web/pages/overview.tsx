import { useEffect } from 'preact/hooks';
import { Link, useLocation } from 'wouter-preact';
import type { OperatorOverview, Overview } from '../../src/wire/index.js';
import { LIST_MS, useRead } from '../data/queries.js';
import { Legend, LegendDot, MinuteBars } from '../parts/chart.js';
import { Foreign } from '../parts/foreign.js';
import { Head } from '../parts/head.js';
import { Icon } from '../parts/icon.js';
import { CollectionLabel, HostName, hostPath, pathOfLink, shortUuid, withShortAddresses } from '../parts/names.js';
import { doneOf, RefreshBar } from '../parts/refresh-progress.js';
import { LoadedPage, Loading } from '../parts/states.js';
import { Ago, Age, Countdown, When } from '../parts/time.js';
import { Glyph } from '../parts/glyph.js';
import { formatCount, formatPercent, plural } from '../text/numbers.js';

/** Is anything wrong right now? The worst first; nothing else is above it. */
export function OverviewPage() {
  const overview = useRead<Overview>('overview', LIST_MS);
  return (
    <LoadedPage read={overview} what="overview">
      {(data) =>
        data.kind === 'operator' ? <OperatorPage overview={data} /> : <PartnerPage to={data.newestRefreshId} />
      }
    </LoadedPage>
  );
}

/** The newest refresh of a partner is their overview. */
function PartnerPage({ to }: { to: string | null }) {
  const [, navigate] = useLocation();
  useEffect(() => navigate(to === null ? '/refreshes' : `/refreshes/${to}`, { replace: true }), [to]);
  return (
    <div class="card">
      <Loading isPage />
    </div>
  );
}

function OperatorPage({ overview }: { overview: OperatorOverview }) {
  return (
    <>
      <Head title="Overview" tabTitle={tabTitleOf(overview)} path={[{ text: 'Overview' }]} />
      <div class="stack">
        <Findings findings={overview.findings} />
        <div class="cols">
          <div class="stack">
            <Running refreshes={overview.running} />
            <Minutes overview={overview} />
          </div>
          <aside class="stack" aria-label="What waits">
            <Oldest oldest={overview.oldestDue} />
            <Cooldowns cooldowns={overview.cooldowns} />
            <Actions actions={overview.actions} />
          </aside>
        </div>
      </div>
    </>
  );
}

function tabTitleOf({ findings }: OperatorOverview): string {
  return findings.length === 0 ? 'Overview' : `${plural(findings.length, 'finding')} · Overview`;
}

function Findings({ findings }: { findings: OperatorOverview['findings'] }) {
  return (
    <section class="card" aria-labelledby="findings">
      <header>
        <h2 id="findings">{findings.length === 0 ? 'Nothing needs you' : 'What needs you'}</h2>
        {findings.length > 0 && <span class="muted">the worst first</span>}
      </header>
      <ul class="fixes signs">
        {findings.map(({ kind, severity, title, advice, since, link }) => (
          <li key={kind + title}>
            <span class={`sign ${severity === 'bad' ? 'bad' : 'again'}`}>
              <Icon name={severity === 'bad' ? 'x' : 'warn'} />
              <span class="sr">{severity === 'bad' ? 'Wrong: ' : 'Warning: '}</span>
            </span>
            <div>
              <h3>
                <Foreign text={title} max={200} />
              </h3>
              <p>
                <Foreign text={advice} max={300} />
              </p>
              {since !== null && (
                <p>
                  For <Age at={since} />, since <When at={since} />
                </p>
              )}
            </div>
            <Link class="btn small" href={pathOfLink(link)} data-row aria-label={`Look at: ${title}`}>
              Look
            </Link>
          </li>
        ))}
        {findings.length === 0 && (
          <li>
            <span class="sign ok">
              <Icon name="check" />
            </span>
            <div>
              <p class="body">
                Workers live, hosts respond, webhooks arrive, and every refresh moves. This page looks every five
                seconds.
              </p>
            </div>
          </li>
        )}
      </ul>
    </section>
  );
}

function Running({ refreshes }: { refreshes: OperatorOverview['running'] }) {
  return (
    <section class="card" aria-labelledby="running">
      <header>
        <h2 id="running">Running</h2>
        <Link class="btn small" href="/refreshes?status=running">
          All running
        </Link>
      </header>
      {refreshes.length === 0 ? (
        <p class="pad muted">No refresh is running.</p>
      ) : (
        <ul class="fixes glyphs">
          {refreshes.map((refresh) => (
            <li key={refresh.id}>
              <Glyph seed={refresh.collection.address} />
              <div>
                <h3>
                  <Link href={`/refreshes/${refresh.id}`} data-row>
                    <CollectionLabel collection={refresh.collection} />
                  </Link>
                  {refresh.project && <span class="faint small">{refresh.project.name}</span>}
                </h3>
                <p class="small">
                  {formatPercent(doneOf(refresh), refresh.total)} of {plural(refresh.total, 'token')}
                  {refresh.failed > 0 && `, ${formatCount(refresh.failed)} failed`}
                  {refresh.cooldown && (
                    <>
                      ; host in cooldown for <Countdown until={refresh.cooldown.until} />
                    </>
                  )}
                </p>
              </div>
              <span class="mini long">
                <RefreshBar refresh={refresh} />
              </span>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

function Minutes({ overview: { minutes, now } }: { overview: OperatorOverview }) {
  const total = minutes.reduce((sum, { succeeded, failed }) => sum + succeeded + failed, 0);
  const failed = minutes.reduce((sum, minute) => sum + minute.failed, 0);
  return (
    <section class="card" aria-labelledby="minutes">
      <header>
        <h2 id="minutes">Tokens a minute</h2>
        <Legend>
          <LegendDot tone="ok" text="Succeeded" />
          <LegendDot tone="bad" text="Failed" />
        </Legend>
      </header>
      <MinuteBars
        minutes={minutes.map((minute) => ({
          minute: minute.minute,
          counts: [
            { tone: 'ok', count: minute.succeeded },
            { tone: 'bad', count: minute.failed },
          ],
        }))}
        now={Date.parse(now)}
        label="Tokens a minute, chart"
        summary={`${plural(total, 'token')} in the last hour, of which ${formatCount(failed)} failed.`}
      />
    </section>
  );
}

function Oldest({ oldest }: { oldest: OperatorOverview['oldestDue'] }) {
  return (
    <section class="card pad" aria-labelledby="oldest">
      <h2 id="oldest">Oldest token that waits</h2>
      {oldest === null ? (
        <p class="muted small">No token is due.</p>
      ) : (
        <dl class="kv">
          <dt>Due for</dt>
          <dd>
            <Age at={oldest.dueAt} />
          </dd>
          <dt>Host</dt>
          <dd>
            <Link class="link" href={hostPath(oldest.host)}>
              <HostName host={oldest.host} />
            </Link>
          </dd>
          <dt>Refresh</dt>
          <dd>
            <Link class="link mono" href={`/refreshes/${oldest.refreshId}`}>
              {shortUuid(oldest.refreshId)}
            </Link>
          </dd>
        </dl>
      )}
    </section>
  );
}

function Cooldowns({ cooldowns }: { cooldowns: OperatorOverview['cooldowns'] }) {
  return (
    <section class="card pad" aria-labelledby="cooldowns">
      <h2 id="cooldowns">Hosts in cooldown</h2>
      {cooldowns.length === 0 ? (
        <p class="muted small">No host has asked for a pause.</p>
      ) : (
        <dl class="kv">
          {cooldowns.map(({ host, until }) => (
            <div key={host}>
              <dt>
                <Link class="link" href={hostPath(host)}>
                  <HostName host={host} />
                </Link>
              </dt>
              <dd>
                <Countdown until={until} />
              </dd>
            </div>
          ))}
        </dl>
      )}
    </section>
  );
}

const ACTIONS: Readonly<Record<string, string>> = {
  'refresh.retry': 'retried failed tokens of',
  'refresh.cancel': 'cancelled',
  'refresh.pause': 'paused',
  'refresh.resume': 'resumed',
  'token.refresh': 'refreshed',
  'project.set-limits': 'changed the limits of',
  'project.revoke-key': 'revoked a key of',
  'webhook.enable': 'enabled',
  'webhook.skip': 'enabled, and skipped what waited for,',
  'webhook.test': 'sent a test to',
  'collection.refresh': 'refreshed tokens of',
  'collection.validate': 'validated tokens of',
  'reveal.publish': 'published the reveal',
  'reveal.cancel': 'cancelled the reveal',
  'reveal.revert': 'reverted the reveal',
  'host.end-cooldown': 'ended the cooldown of',
  'host.set-concurrency': 'changed the concurrent requests to',
};

/** The name of an action, which may be followed by a value: `host.set-concurrency 3`. */
function nameOf(action: string): string {
  return ACTIONS[action.split(' ', 1)[0]!] ?? action;
}

function Actions({ actions }: { actions: OperatorOverview['actions'] }) {
  return (
    <section class="card pad" aria-labelledby="actions">
      <h2 id="actions">What people did</h2>
      {actions.length === 0 ? (
        <p class="muted small">Nobody has changed anything here in the last 90 days.</p>
      ) : (
        <ol class="story">
          {actions.map(({ id, at, who, action, target, outcome, link }) => (
            <li key={id} class={outcome === 'done' ? 'ok' : 'bad'}>
              <span>
                <Foreign text={who} max={40} /> {nameOf(action)}{' '}
                {link === null ? (
                  <Foreign text={withShortAddresses(target)} max={40} mono />
                ) : (
                  <Link class="link mono" href={pathOfLink(link)}>
                    {target.length > 20 ? shortUuid(target) : target}
                  </Link>
                )}
                <small>
                  <Ago at={at} />
                  {outcome !== 'done' && `, refused: ${outcome}`}
                </small>
              </span>
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}
