import { useId, useRef, useState } from 'preact/hooks';
import { Link } from 'wouter-preact';
import type { Host, Session } from '../../src/wire/index.js';
import { send } from '../data/api.js';
import { useServerTime } from '../data/clock.js';
import { useParam } from '../data/filters.js';
import { LIST_MS, useAction, useRead } from '../data/queries.js';
import { Legend, LegendDot, MinuteBars, TimeLines } from '../parts/chart.js';
import { Ask } from '../parts/dialog.js';
import { Copy } from '../parts/foreign.js';
import { Glyph } from '../parts/glyph.js';
import { Fact, Head } from '../parts/head.js';
import { Icon } from '../parts/icon.js';
import { CollectionLabel, HostName, hostText } from '../parts/names.js';
import { BoundedCount, formatBounded, LoadedPage } from '../parts/states.js';
import { Cell, Row, RowLink, Table } from '../parts/table.js';
import { Age, Ago, Countdown, secondsUntil, When } from '../parts/time.js';
import { HOST_SIGNS, Pill } from '../parts/verdict.js';
import { retrySentence } from '../advice.js';
import { countWord, formatCount, formatRate, formatShare, plural } from '../text/numbers.js';
import { formatClockOn, formatOnDay, formatDuration, secondsBetween, withLocalTimes } from '../text/times.js';

type Details = Host['host'];

/** How fast may we ask, and why not faster? */
export function HostPage({ session }: { session: Session }) {
  const host = useParam('host');
  const path = `hosts/${encodeURIComponent(host)}`;
  const read = useRead<Host>(path, LIST_MS);
  return (
    <LoadedPage read={read} what="host">
      {({ host: details, now }) => (
        <Page
          host={details}
          now={Date.parse(now)}
          path={path}
          isOperator={session.person?.kind === 'operator'}
          hasFailures={session.pages.includes('failures')}
        />
      )}
    </LoadedPage>
  );
}

interface PageProps {
  host: Details;
  now: number;
  path: string;
  isOperator: boolean;
  /** Whether there is a page of failures. */
  hasFailures: boolean;
}

function Page({ host, now, path, isOperator, hasFailures }: PageProps) {
  return (
    <>
      <Head
        title={<HostName host={host.host} />}
        sign={<Pill {...HOST_SIGNS[host.state]} />}
        tabTitle={hostText(host.host)}
        path={[{ text: 'Hosts', href: '/hosts' }, { text: hostText(host.host) }]}
        actions={host.actions.setConcurrency && <ConcurrencyAction host={host} path={path} />}
      >
        <Facts host={host} isOperator={isOperator} />
      </Head>
      {host.cooldownUntil !== null && <CooldownBanner host={host} until={host.cooldownUntil} path={path} />}
      <div class="stack">
        <Figures host={host} />
        <Charts host={host} now={now} />
        <div class="cols">
          <div class="stack">
            <Waits host={host} isOperator={isOperator} />
            {host.workers.length > 0 && <Workers host={host} />}
            <Failures host={host} isLinked={hasFailures} />
          </div>
          <aside class="stack" aria-label="About this host">
            <Why host={host} isOperator={isOperator} />
            <Cooldowns cooldowns={host.cooldowns} />
          </aside>
        </div>
      </div>
    </>
  );
}

function Facts({ host, isOperator }: { host: Details; isOperator: boolean }) {
  const now = useServerTime();
  const { others } = host;
  return (
    <div class="facts">
      {isOperator && host.projects > 0 && (
        <Fact icon="people">
          {plural(host.projects, 'project')}, {plural(host.waits.length, 'collection')}
        </Fact>
      )}
      <Fact icon="gem">
        {host.waiting.count === 0 ? (
          'no token waits'
        ) : (
          <>
            {formatBounded(host.waiting, 'token')} {host.waiting.count === 1 ? 'waits' : 'wait'}
            {host.oldestDueAt !== null && (
              <>
                , the oldest for <Age at={host.oldestDueAt} />
              </>
            )}
          </>
        )}
      </Fact>
      {others !== null && others.projects > 0 && (
        <Fact icon="people">other projects: {formatBounded(others.waiting)} waiting</Fact>
      )}
      {host.firstAskedAt !== null && <Fact icon="wait">first asked {formatOnDay(host.firstAskedAt, now)}</Fact>}
      <Fact>
        <Copy text={host.host} what="name" />
      </Fact>
    </div>
  );
}

const RING = 2 * Math.PI * 19;

function CooldownBanner({ host, until, path }: { host: Details; until: string; path: string }) {
  const { isBusy, run } = useAction();
  const now = useServerTime();
  const seconds = secondsUntil(until, now);
  const from = host.cooldowns.find((cooldown) => cooldown.until === until)?.from;
  if (seconds === 0) return null;
  const whole = from === undefined ? seconds : Math.max(seconds, secondsBetween(from, until));
  const reason = host.cooldowns[0]?.reason;
  const end = () =>
    void run(async () => {
      await send('POST', `${path}/end-cooldown`);
      return { tone: 'ok', text: 'The cooldown has ended: workers ask the host again.' };
    });
  return (
    <div class="banner">
      <span class="ring">
        <svg viewBox="0 0 44 44" aria-hidden="true">
          <circle cx="22" cy="22" r="19" />
          <circle cx="22" cy="22" r="19" stroke-dasharray={`${(seconds / whole) * RING} ${RING}`} />
        </svg>
        <span aria-hidden="true">{inRing(seconds)}</span>
      </span>
      <div>
        <b>
          Nobody asks this host until {formatClockOn(until, now)}
          <span class="sr">
            , for <Countdown until={until} />
          </span>
        </b>
        <p>
          It asked for a pause
          {reason && (
            <>
              {' '}
              with <span class="mono">{reason}</span>
            </>
          )}
          . That holds for every project and every worker. Nothing is lost: its tokens wait.
        </p>
      </div>
      {host.actions.endCooldown && (
        <div class="acts">
          <button type="button" class="btn small" aria-busy={isBusy} onClick={end}>
            End the cooldown now
          </button>
        </div>
      )}
    </div>
  );
}

/** Three characters: "26", "58m", "2h". */
function inRing(seconds: number): string {
  if (seconds < 100) return String(seconds);
  const minutes = Math.ceil(seconds / 60);
  return minutes < 100 ? `${minutes}m` : `${Math.ceil(minutes / 60)}h`;
}

function ConcurrencyAction({ host, path }: { host: Details; path: string }) {
  const [isOpen, setOpen] = useState(false);
  const { isBusy, run } = useAction();
  const input = useRef<HTMLInputElement>(null);
  const id = useId();
  const { limit, inForce } = host.concurrency;
  const save = async () => {
    const text = input.current!.value.trim();
    const next = text === '' ? null : Number(text);
    await run(async () => {
      await send('PUT', `${path}/concurrency`, { limit: next });
      return {
        tone: 'ok',
        text:
          next === null
            ? 'The host has the default number of concurrent requests again.'
            : `The host gets up to ${plural(next, 'concurrent request')}. Workers follow within seconds.`,
      };
    });
    setOpen(false);
  };
  return (
    <>
      <button type="button" class="btn" onClick={() => setOpen(true)}>
        <Icon name="gear" />
        Concurrent requests: {formatCount(limit)}
      </button>
      {isOpen && (
        <Ask
          title="Concurrent requests"
          safe="Leave it"
          action="Set"
          isBusy={isBusy}
          onConfirm={() => void save()}
          onClose={() => setOpen(false)}
        >
          <p>
            For all workers and projects together.{' '}
            {inForce === null
              ? 'No worker asks the host now.'
              : `${formatCount(inForce)} of ${formatCount(limit)} are in force.`}
          </p>
          <div class="field">
            <label for={id}>Limit of the operator</label>
            <input ref={input} id={id} type="number" min={1} max={1000} step={1} defaultValue={host.ownLimit ?? ''} />
            <small>Empty: the limit of the collections, or the default.</small>
          </div>
        </Ask>
      )}
    </>
  );
}

function Figures({ host }: { host: Details }) {
  const { concurrency, responses, good } = host;
  return (
    <section class="card" aria-label="Now">
      <dl class="kpis">
        <div>
          <dt>Responses a second</dt>
          <dd>{formatRate(host.perSecond)}</dd>
          <dd class="note">in the last minute</dd>
        </div>
        <div>
          <dt>Good responses</dt>
          <dd>{good === null ? '–' : formatShare(Math.round(good * responses), responses)}</dd>
          <dd class="note">of {formatCount(responses)} in the last hour</dd>
        </div>
        <div>
          <dt>Half respond within</dt>
          <dd>
            {host.medianMs === null ? '–' : formatCount(host.medianMs)} <small>ms</small>
          </dd>
          <dd class="note">{host.p95Ms === null ? 'no response' : `19 of 20 within ${formatCount(host.p95Ms)} ms`}</dd>
        </div>
        <div>
          <dt>Open requests</dt>
          <dd>
            {concurrency.inUse ?? 0} <small>of {formatCount(concurrency.inForce ?? concurrency.limit)}</small>
          </dd>
          <dd class="note">{concurrency.inForce === null ? 'no worker asks it now' : 'allowed now'}</dd>
        </div>
        <div>
          <dt>Waiting tokens</dt>
          <dd>
            <BoundedCount count={host.waiting} />
          </dd>
          <dd class="note">
            {host.oldestDueAt === null ? (
              'none is due'
            ) : (
              <>
                oldest for <Age at={host.oldestDueAt} />
              </>
            )}
          </dd>
        </div>
      </dl>
    </section>
  );
}

function Charts({ host, now }: { host: Details; now: number }) {
  const { minutes, responses, cooldowns } = host;
  const times =
    host.medianMs === null ? 'No response in the last hour.' : `Half of the responses within ${host.medianMs} ms.`;
  return (
    <section class="card" aria-labelledby="responses">
      <header>
        <h2 id="responses">Responses each minute</h2>
        <Legend>
          <LegendDot tone="ok" text="New document" />
          <LegendDot tone="same" text="Not modified" />
          <LegendDot tone="bad" text="Failed" />
          <LegendDot tone="again" text="429 and 503" />
        </Legend>
      </header>
      <MinuteBars
        minutes={minutes.map(({ minute, fetched, notModified, failed, refused }) => ({
          minute,
          counts: [
            { tone: 'ok', count: fetched },
            { tone: 'same', count: notModified },
            { tone: 'bad', count: failed },
            { tone: 'again', count: refused },
          ],
        }))}
        now={now}
        shades={cooldowns}
        label="Responses each minute, chart"
        summary={`${plural(responses, 'response')} in the last hour, ${plural(cooldowns.length, 'cooldown')} in the last day.`}
      />
      <header>
        <h3>Time to respond</h3>
        <Legend>
          <span>
            <svg width="18" height="8" aria-hidden="true">
              <path class="l50" d="M0 4h18" />
            </svg>
            half within
          </span>
          <span>
            <svg width="18" height="8" aria-hidden="true">
              <path class="l95" d="M0 4h18" />
            </svg>
            19 of 20 within
          </span>
        </Legend>
      </header>
      <TimeLines minutes={minutes} now={now} label="Time to respond, chart" summary={times} />
    </section>
  );
}

function Waits({ host: { waits, others }, isOperator }: { host: Details; isOperator: boolean }) {
  return (
    <section class="card" aria-labelledby="waits">
      <header>
        <h2 id="waits">Who waits</h2>
        <span class="muted">Projects take turns, and small requests go first.</span>
      </header>
      {waits.length === 0 ? (
        <p class="pad muted">No token of {isOperator ? 'any project' : 'yours'} waits for this host.</p>
      ) : (
        <Table
          label="Who waits"
          heads={[
            'Collection',
            { text: 'Up to 10', isNumber: true },
            { text: 'Up to 100', isNumber: true },
            { text: 'Larger', isNumber: true },
            { text: 'Oldest', isNumber: true },
          ]}
        >
          {waits.map(({ project, collection, upTo10, upTo100, larger, oldestDueAt }) => (
            <Row key={collection.id + (project?.id ?? '')}>
              <Cell>
                <RowLink href={`/refreshes?collection=${collection.id}&status=running`}>
                  <Glyph seed={collection.address} />
                  <span>
                    <b>
                      <CollectionLabel collection={collection} />
                    </b>
                    {project && <small>{project.name}</small>}
                  </span>
                </RowLink>
              </Cell>
              <Cell isNumber label="Up to 10" hide={upTo10.count === 0}>
                <Waiting count={upTo10} />
              </Cell>
              <Cell isNumber label="Up to 100" hide={upTo100.count === 0}>
                <Waiting count={upTo100} />
              </Cell>
              <Cell isNumber label="Larger" hide={larger.count === 0}>
                <Waiting count={larger} />
              </Cell>
              <Cell isNumber label="Oldest" hide={oldestDueAt === null}>
                {oldestDueAt === null ? <span class="faint">–</span> : <Age at={oldestDueAt} />}
              </Cell>
            </Row>
          ))}
        </Table>
      )}
      {others !== null && others.projects > 0 && (
        <p class="foot">Other projects: {formatBounded(others.waiting)} waiting. They take turns with yours.</p>
      )}
    </section>
  );
}

function Waiting({ count }: { count: { count: number; isMore: boolean } }) {
  return count.count === 0 ? <span class="faint">0</span> : <BoundedCount count={count} />;
}

function Workers({ host: { workers, concurrency } }: { host: Details }) {
  return (
    <section class="card" aria-labelledby="workers">
      <header>
        <h2 id="workers">Who asks</h2>
        <span class="muted">
          {sentenceCase(countWord(workers.length))} {workers.length === 1 ? 'worker has' : 'workers share'}{' '}
          {plural(concurrency.limit, 'concurrent request')}.
        </span>
        <span class="share key end">
          <i class="on" />
          open <i class="held" />
          free
        </span>
      </header>
      <Table
        label="Who asks"
        heads={[
          'Worker',
          'Share and use',
          { text: 'Here since', isNumber: true },
          { text: 'Last seen', isNumber: true },
        ]}
      >
        {workers.map(({ id, name, share, inUse, since, lastHeartbeatAt }) => (
          <Row key={id}>
            <Cell>
              <b class="mono">{name}</b>
            </Cell>
            <Cell>
              <Share share={share} inUse={inUse} />
            </Cell>
            <Cell isNumber hide>
              <When at={since} />
            </Cell>
            <Cell isNumber hide>
              <span class="faint">
                <Ago at={lastHeartbeatAt} />
              </span>
            </Cell>
          </Row>
        ))}
      </Table>
    </section>
  );
}

const MAX_SQUARES = 16;

export function Share({ share, inUse }: { share: number; inUse: number }) {
  const label = `${share} of its own, ${inUse} in use`;
  if (share > MAX_SQUARES || share === 0) return <span title={label}>{`${inUse} of ${share}`}</span>;
  return (
    <span class="share" role="img" aria-label={label}>
      {Array.from({ length: share }, (_, index) => (
        <i key={index} class={index < inUse ? 'on' : 'held'} />
      ))}
    </span>
  );
}

function sentenceCase(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function Failures({ host, isLinked }: { host: Details; isLinked: boolean }) {
  const href = `/failures?since=1h&host=${encodeURIComponent(host.host)}`;
  return (
    <section class="card" aria-labelledby="failures">
      <header>
        <h2 id="failures">How it failed in the last hour</h2>
        {isLinked && host.failures.length > 0 && (
          <Link class="btn small" href={href}>
            All failures
          </Link>
        )}
      </header>
      {host.failures.length === 0 ? (
        <p class="pad muted">It did not fail.</p>
      ) : (
        <ul class="fixes">
          {host.failures.map(({ reason, tokens, title, advice }) => (
            <li key={reason}>
              <span class="count">{formatCount(tokens)}</span>
              <div>
                <h3>
                  {title} <span class="code">{reason}</span>
                </h3>
                <p>
                  {advice} {retrySentence(reason)}
                </p>
              </div>
              {isLinked && (
                <Link
                  class="btn small"
                  href={`${href}&reason=${encodeURIComponent(reason)}`}
                  aria-label={`Show ${reason}`}
                >
                  Show
                </Link>
              )}
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

/** By what slows it down: the host itself, or the limit that it has here. */
const FASTER = {
  heldBack: {
    operator: 'the host’s owner can allow more for the user agent of this service.',
    partner: 'you can allow more for the user agent of this service.',
  },
  atLimit: {
    operator: 'allow more concurrent requests, if its owner agrees.',
    partner: 'respond in less time, or ask the marketplace for more concurrent requests.',
  },
};

function Why({ host, isOperator }: { host: Details; isOperator: boolean }) {
  const now = useServerTime();
  const { cooldownUntil, concurrency } = host;
  const isHeldBack = cooldownUntil !== null || (concurrency.inForce ?? concurrency.limit) < concurrency.limit;
  return (
    <section class="card pad" aria-labelledby="why">
      <h2 id="why">Why this speed?</h2>
      <ol class="story">
        {host.why.map(({ value, text, isInForce }) => (
          <li key={value + text} class={isInForce ? 'now' : undefined}>
            <span>
              <b>{value}</b> {withLocalTimes(text, now)}
            </span>
          </li>
        ))}
      </ol>
      <p class="why">
        <b>To go faster</b>, {FASTER[isHeldBack ? 'heldBack' : 'atLimit'][isOperator ? 'operator' : 'partner']}
      </p>
    </section>
  );
}

function Cooldowns({ cooldowns }: { cooldowns: Details['cooldowns'] }) {
  return (
    <section class="card pad" aria-labelledby="cooldowns">
      <h2 id="cooldowns">Cooldowns of the last day</h2>
      {cooldowns.length === 0 ? (
        <p class="muted small">None.</p>
      ) : (
        <dl class="kv">
          {cooldowns.slice(0, 12).map(({ from, until, reason }) => (
            <div key={from}>
              <dt>
                <When at={from} />
              </dt>
              <dd>
                {formatDuration(secondsBetween(from, until))}, {reason}
              </dd>
            </div>
          ))}
        </dl>
      )}
      {cooldowns.length > 12 && <p class="faint small">and {plural(cooldowns.length - 12, 'more', 'more')}</p>}
    </section>
  );
}
