import { useEffect, useRef, useState } from 'preact/hooks';
import { Link } from 'wouter-preact';
import type { NewRefresh, RefreshDetails, RefreshReasons, Session } from '../../src/wire/index.js';
import { apiUrl, send } from '../data/api.js';
import { announce } from '../data/announcements.js';
import { useServerTime } from '../data/clock.js';
import { useFilters } from '../data/filters.js';
import { useKeys } from '../data/keys.js';
import { RUNNING_MS, SLOW_MS, useAction, useRead, useReadUntilEnd } from '../data/queries.js';
import { Ask } from '../parts/dialog.js';
import { Copy, Foreign, ForeignUrl } from '../parts/foreign.js';
import { Fact, Head } from '../parts/head.js';
import { QuotaCard, quotaSentence } from '../parts/quota.js';
import { Icon } from '../parts/icon.js';
import {
  AddressLink,
  CollectionLabel,
  HEADING_CHARACTERS,
  HostName,
  hostPath,
  nameOf,
  shortUuid,
} from '../parts/names.js';
import { doneOf, RefreshBar, Sums } from '../parts/refresh-progress.js';
import { Loaded, LoadedPage } from '../parts/states.js';
import { Ago, At, Countdown, secondsUntil } from '../parts/time.js';
import { Pill, REFRESH_SIGNS } from '../parts/verdict.js';
import { retrySentence } from '../advice.js';
import { countWord, formatCount, formatPercent, formatRate, plural } from '../text/numbers.js';
import { TRIGGER_SENTENCES } from '../text/refreshes.js';
import {
  formatAbout,
  formatClock,
  formatClockOn,
  formatDuration,
  formatTook,
  secondsBetween,
  timeLeft,
  withLocalTimes,
} from '../text/times.js';
import { describeRuns, shortId } from '../text/token-ids.js';
import { RefreshTokensCard, tokenFilters } from './refresh-tokens.js';

type Details = RefreshDetails['refresh'];
type Reason = RefreshReasons['reasons'][number];

/** Is my refresh done, what changed, and what do I have to fix? */
export function RefreshPage({ id, session }: { id: string; session: Session }) {
  const [isDone, setDone] = useState(false);
  const path = `refreshes/${encodeURIComponent(id)}`;
  // Its counts are less than three seconds old: two until the next read, and one.
  const read = useRead<RefreshDetails>(path, isDone ? SLOW_MS * 2 : RUNNING_MS, 1);
  useEffect(() => setDone(read.data?.refresh.completedAt != null), [read.data]);
  return (
    <LoadedPage read={read} what="refresh">
      {({ refresh }) => <Page refresh={refresh} path={path} session={session} />}
    </LoadedPage>
  );
}

function Page({ refresh, path, session }: { refresh: Details; path: string; session: Session }) {
  const filters = useFilters(...tokenFilters);
  const [dialog, setDialog] = useState<{ kind: 'cancel' } | { kind: 'retry'; reason: Reason | null } | null>(null);
  useKeys({
    f: () => filters.set(({ verdict }) => ({ verdict: verdict === 'failed' ? null : 'failed', reason: null })),
  });
  useSpokenProgress(refresh);
  const name = nameOf(refresh.collection);
  const percent = formatPercent(doneOf(refresh), refresh.total);
  return (
    <>
      <Head
        title={<CollectionLabel collection={refresh.collection} max={HEADING_CHARACTERS} />}
        sign={<Pill {...REFRESH_SIGNS[refresh.state]} />}
        tabTitle={`${percent} · ${name}`}
        path={[
          { text: 'Refreshes', href: '/refreshes' },
          ...(refresh.project
            ? [{ text: refresh.project.name, href: `/refreshes?project=${refresh.project.id}` }]
            : []),
          { text: shortUuid(refresh.id) },
        ]}
        actions={<Actions refresh={refresh} path={path} onAsk={setDialog} />}
      >
        <Facts refresh={refresh} />
      </Head>
      <div class="cols">
        <div class="stack">
          <Progress refresh={refresh} linkOf={(verdict) => filters.linkWith({ verdict, reason: null })} />
          {refresh.failed > 0 && (
            <WhatToFix
              refresh={refresh}
              path={path}
              linkOf={(reason) => filters.linkWith({ reason, verdict: 'failed' })}
              onRetry={(reason) => setDialog({ kind: 'retry', reason })}
            />
          )}
          <RefreshTokensCard refresh={refresh} path={path} filters={filters} />
        </div>
        <aside class="stack" aria-label="Around this refresh">
          <HostCard refresh={refresh} />
          <QuotaCard quota={refresh.quota} title={refresh.project === null ? 'Your quota' : 'Project’s quota'}>
            {refresh.actions.retry !== null && ` Retrying uses ${formatCount(refresh.actions.retry)}.`}
          </QuotaCard>
          <Story refresh={refresh} />
        </aside>
      </div>
      {dialog?.kind === 'cancel' && <CancelDialog refresh={refresh} path={path} onClose={() => setDialog(null)} />}
      {dialog?.kind === 'retry' && (
        <RetryDialog
          refresh={refresh}
          path={path}
          reason={dialog.reason}
          isOperator={session.person?.kind === 'operator'}
          onClose={() => setDialog(null)}
        />
      )}
    </>
  );
}

function Facts({ refresh }: { refresh: Details }) {
  const { id, project, collection, trigger, event, createdAt, retryOf } = refresh;
  return (
    <div class="facts">
      <Fact>
        <span class="mono">{id}</span> <Copy text={id} what="id" />
      </Fact>
      {project && (
        <Fact icon="people">
          <Link href={`/refreshes?project=${project.id}`}>{project.name}</Link>
        </Fact>
      )}
      <Fact icon="gem">
        <AddressLink collection={collection} />
      </Fact>
      <Fact icon="key">
        {retryOf === null ? (
          TRIGGER_SENTENCES[trigger]
        ) : (
          <>
            {TRIGGER_SENTENCES.retry} of{' '}
            <Link class="link mono" href={`/refreshes/${retryOf}`}>
              {shortUuid(retryOf)}
            </Link>
          </>
        )}
        {event && `, ${event.kind.replaceAll('_', ' ')} in block ${formatCount(event.blockNumber)}`}{' '}
        <At at={createdAt} />
      </Fact>
    </div>
  );
}

function Actions({
  refresh: { actions, failed },
  path,
  onAsk,
}: {
  refresh: Details;
  path: string;
  onAsk: (dialog: { kind: 'cancel' } | { kind: 'retry'; reason: null }) => void;
}) {
  const { isBusy, run } = useAction();
  const control = (verb: 'pause' | 'resume', text: string) =>
    void run(async () => {
      await send('POST', `${path}/${verb}`);
      return { tone: 'ok', text };
    });
  return (
    <>
      {failed > 0 && (
        <a class="btn" href={apiUrl(`${path}/tokens.csv?verdict=failed`)} download>
          <Icon name="down" />
          Failures as CSV
        </a>
      )}
      {actions.resume && (
        <button
          type="button"
          class="btn"
          aria-busy={isBusy}
          onClick={() => control('resume', 'The refresh goes on: its tokens are fetched again.')}
        >
          <Icon name="play" />
          Resume
        </button>
      )}
      {actions.pause && (
        <button
          type="button"
          class="btn"
          aria-busy={isBusy}
          onClick={() => control('pause', 'The refresh is paused. What is being fetched now is finished.')}
        >
          <Icon name="pause" />
          Pause
        </button>
      )}
      {actions.cancel && (
        <button type="button" class="btn risk" onClick={() => onAsk({ kind: 'cancel' })}>
          <Icon name="stop" />
          Cancel
        </button>
      )}
      {actions.retry !== null && (
        <button type="button" class="btn main" onClick={() => onAsk({ kind: 'retry', reason: null })}>
          <Icon name="again" />
          Retry {formatCount(actions.retry)} failed
        </button>
      )}
    </>
  );
}

function Progress({ refresh, linkOf }: { refresh: Details; linkOf: (verdict: string) => string }) {
  const done = doneOf(refresh);
  return (
    <section class="card progress" aria-labelledby="progress">
      <h2 id="progress" class="sr">
        Progress
      </h2>
      <div class="lead">
        <strong>{formatPercent(done, refresh.total)}</strong>
        <span class="muted">
          {formatCount(done)} of {plural(refresh.total, 'token')} done
          {refresh.cancelled > 0 && `, ${formatCount(refresh.cancelled)} cancelled`}
        </span>
        <span class="right">
          <Pace refresh={refresh} />
        </span>
      </div>
      <RefreshBar refresh={refresh} />
      <Sums refresh={refresh} linkOf={(state) => linkOf(state === 'trying_again' ? 'pending' : state)} />
    </section>
  );
}

/** How long it takes still; or, when it does not move, why. */
function Pace({ refresh }: { refresh: Details }) {
  const now = useServerTime();
  const { state, pending, speed, cooldown, createdAt, begunAt, notBefore, completedAt } = refresh;
  if (completedAt !== null) {
    return (
      <>
        took <b>{formatTook(secondsBetween(begunAt ?? createdAt, completedAt))}</b>, ended <At at={completedAt} />
      </>
    );
  }
  if (state === 'scheduled' && notBefore !== null) {
    return (
      <>
        begins <At at={notBefore} />
      </>
    );
  }
  if (state === 'paused') return <>paused: nothing is fetched until it is resumed</>;
  if (state === 'cancelling') return <>being cancelled: what is fetched now is finished</>;
  const { cooldownSeconds, tokensSeconds } = timeLeft(
    { pending, perSecond: speed?.perSecond ?? null, cooldownUntil: cooldown?.until ?? null },
    now,
  );
  const tokens =
    tokensSeconds === null ? null : (
      <>
        <b>{formatAbout(tokensSeconds)}</b> at {formatRate(speed!.perSecond)} a second
      </>
    );
  if (cooldownSeconds > 0) {
    return (
      <>
        host in cooldown for <b>{formatDuration(cooldownSeconds)}</b>
        {tokens && <>, then {tokens}</>}
      </>
    );
  }
  return tokens ?? <>{state === 'queued' ? 'in the queue' : 'speed not known yet'}</>;
}

function WhatToFix({
  refresh,
  path,
  linkOf,
  onRetry,
}: {
  refresh: Details;
  path: string;
  linkOf: (reason: string) => string;
  onRetry: (reason: Reason) => void;
}) {
  const read = useReadUntilEnd<RefreshReasons>(`${path}/reasons`, refresh.completedAt !== null, {
    runningMs: RUNNING_MS * 2,
    endedMs: SLOW_MS * 2,
  });
  return (
    <section class="card" aria-labelledby="fix">
      <header>
        <h2 id="fix">What to fix</h2>
        {read.data && (
          <span class="muted">
            {plural(refresh.failed, 'token')} failed, for {countWord(read.data.reasons.length)}{' '}
            {read.data.reasons.length === 1 ? 'reason' : 'reasons'}.{' '}
            {refresh.failed === 1 ? 'It still shows' : 'They still show'} what {refresh.failed === 1 ? 'it' : 'they'}{' '}
            showed before.
          </span>
        )}
      </header>
      <Loaded read={read} rows={3}>
        {({ reasons }) => (
          <ul class="fixes">
            {reasons.map((reason) => (
              <Fix
                key={reason.errorCode + reason.reason}
                reason={reason}
                link={linkOf(reason.reason)}
                {...(refresh.actions.retry !== null && { onRetry: () => onRetry(reason) })}
              />
            ))}
          </ul>
        )}
      </Loaded>
    </section>
  );
}

function Fix({ reason, link, onRetry }: { reason: Reason; link: string; onRetry?: () => void }) {
  const { count, title, advice, runs, example } = reason;
  const sentences = [advice, describeRuns(runs, count), retrySentence(reason.reason)].filter(Boolean).join(' ');
  return (
    <li>
      <span class="count">{formatCount(count)}</span>
      <div>
        <h3>
          {title} <span class="code">{reason.reason}</span>
        </h3>
        <p>{sentences}</p>
        {example && <Example example={example} />}
      </div>
      <span class="acts">
        {onRetry && (
          <button
            type="button"
            class="btn small bare"
            aria-label={`Retry the ${formatCount(count)} with ${reason.reason}`}
            onClick={onRetry}
          >
            Retry
          </button>
        )}
        <Link class="btn small" href={link} data-row>
          Show {formatCount(count)}
        </Link>
      </span>
    </li>
  );
}

function Example({ example: { tokenId, metadataUrl, body } }: { example: NonNullable<Reason['example']> }) {
  return (
    <>
      <p>
        {metadataUrl === '' ? (
          <>For example token {shortId(tokenId)}</>
        ) : (
          <>
            Requested for token {shortId(tokenId)}: <ForeignUrl url={metadataUrl} />
          </>
        )}
      </p>
      {body !== null && body.trim() !== '' && (
        <p>
          It sent: <Foreign text={body} max={120} mono />
        </p>
      )}
    </>
  );
}

function HostCard({ refresh }: { refresh: Details }) {
  const now = useServerTime();
  const { host, waits } = refresh;
  const isEnded = refresh.completedAt !== null;
  if (host === null && (isEnded || waits.length === 0)) return null;
  return (
    <section class="card pad" aria-labelledby="host">
      <div class="row">
        <h2 id="host">Metadata host</h2>
        {host?.cooldown && <CooldownPill host={host.host} until={host.cooldown.until} />}
      </div>
      {host && <HostFacts host={host} />}
      {!isEnded && (
        <p class="why">
          <b>Why this speed?</b> {whyOf(refresh, now)}
        </p>
      )}
    </section>
  );
}

function CooldownPill({ host, until }: { host: string; until: string }) {
  const seconds = secondsUntil(until, useServerTime());
  if (seconds === 0) return null;
  return (
    <Link class="v again" href={hostPath(host)}>
      <Icon name="pause" />
      Cooldown <Countdown until={until} />
    </Link>
  );
}

function HostFacts({ host: { host, concurrency, medianMs, p95Ms } }: { host: NonNullable<Details['host']> }) {
  const allowed = concurrency.inForce ?? concurrency.limit;
  return (
    <>
      <Link class="link small" href={hostPath(host)}>
        <HostName host={host} />
      </Link>
      <dl class="kv">
        <dt>Concurrent requests</dt>
        <dd>
          {concurrency.inForce === null
            ? `up to ${formatCount(concurrency.limit)}`
            : `${allowed} of ${concurrency.limit}`}
        </dd>
        {medianMs !== null && (
          <>
            <dt>Half respond within</dt>
            <dd>{formatCount(medianMs)} ms</dd>
          </>
        )}
        {p95Ms !== null && (
          <>
            <dt>19 of 20 within</dt>
            <dd>{formatCount(p95Ms)} ms</dd>
          </>
        )}
      </dl>
    </>
  );
}

/** The sentences of the service; without one nothing holds it up but the host itself. */
function whyOf({ waits, host, state }: Details, now: number): string {
  if (waits.length > 0) return withLocalTimes(waits.join(' '), now);
  if (state === 'queued') return 'No token has been claimed yet. Other work of this project may come first.';
  const { inForce = null, limit } = host?.concurrency ?? { limit: 0 };
  if (inForce !== null && inForce < limit) {
    return `After errors the host gets ${plural(inForce, 'request')} at once instead of ${formatCount(limit)}, and more as it responds well.`;
  }
  return 'Nothing holds it up: it is as fast as the host responds.';
}

function Story({ refresh }: { refresh: Details }) {
  const now = useServerTime();
  return (
    <section class="card pad" aria-labelledby="story">
      <h2 id="story">What happened</h2>
      <ol class="story">
        {refresh.story.map((event, index) => (
          <li key={event.kind + event.at} class={storyTone(event.kind, index === 0 && refresh.completedAt === null)}>
            <span>
              <StoryText event={event} refresh={refresh} />
              <small>
                {formatClockOn(event.at, now)}
                {index === 0 && (
                  <>
                    , <Ago at={event.at} />
                  </>
                )}
              </small>
            </span>
          </li>
        ))}
      </ol>
    </section>
  );
}

type StoryEvent = Details['story'][number];

function storyTone(kind: StoryEvent['kind'], isNow: boolean): string | undefined {
  if (isNow) return 'now';
  return ({ first_failure: 'bad', completed: 'ok', cooldown: 'again', paused: 'again' } as Record<string, string>)[
    kind
  ];
}

function StoryText({
  event: { kind, reason, tokenId, at, until },
  refresh: { total, state },
}: {
  event: StoryEvent;
  refresh: Details;
}) {
  switch (kind) {
    case 'accepted':
      return <>Accepted, {plural(total, 'token')}</>;
    case 'begun':
      return <>Begun</>;
    case 'first_failure':
      return (
        <>
          First <span class="code">{reason ?? 'failure'}</span>
          {tokenId !== null && <>, token {shortId(tokenId)}</>}
        </>
      );
    case 'paused':
      return <>Paused</>;
    case 'cancelled':
      return <>Cancelled</>;
    case 'cooldown':
      return (
        <>
          Host in cooldown{until !== null && <> for {formatDuration(secondsBetween(at, until))}</>}
          {reason !== null && (
            <>
              , after <span class="code">{reason}</span>
            </>
          )}
        </>
      );
    case 'completed':
      return <>{state === 'cancelled' ? 'Ended' : 'Completed'}</>;
  }
}

function CancelDialog({ refresh, path, onClose }: { refresh: Details; path: string; onClose: () => void }) {
  const { isBusy, run } = useAction();
  const confirm = async () => {
    await run(async () => {
      await send('POST', `${path}/cancel`);
      return { tone: 'ok', text: 'The refresh is cancelled. What is being fetched now is finished.' };
    });
    onClose();
  };
  return (
    <Ask
      title="Cancel this refresh?"
      safe="Keep it running"
      action={`Cancel ${plural(refresh.pending, 'token')}`}
      isRisky
      isBusy={isBusy}
      onConfirm={() => void confirm()}
      onClose={onClose}
    >
      <p>
        {plural(refresh.pending, 'token')} of {nameOf(refresh.collection)} {refresh.pending === 1 ? 'is' : 'are'} not
        fetched any more. What is done stays done, and tokens that were never begun are given back to the quota. This
        cannot be undone.
      </p>
    </Ask>
  );
}

function RetryDialog({
  refresh,
  path,
  reason,
  isOperator,
  onClose,
}: {
  refresh: Details;
  path: string;
  reason: Reason | null;
  isOperator: boolean;
  onClose: () => void;
}) {
  const { isBusy, run } = useAction();
  const [isCharged, setCharged] = useState(true);
  const count = reason?.count ?? refresh.actions.retry ?? 0;
  const { remaining, resetsAt } = refresh.quota;
  const isTooMany = isCharged && count > remaining;
  const confirm = async () => {
    await run(async () => {
      const { refreshId } = await send<NewRefresh>('POST', `${path}/retry`, {
        ...(reason && { reasons: [reason.reason] }),
        ...(isOperator && { charge: isCharged }),
      });
      return {
        tone: 'ok',
        text: `${plural(count, 'token')} ${count === 1 ? 'is' : 'are'} requested again, in a new refresh.`,
        link: { href: `/refreshes/${refreshId}`, text: 'Show it' },
      };
    });
    onClose();
  };
  return (
    <Ask
      title={`Retry ${plural(count, 'failed token')}?`}
      safe="Not now"
      action={`Retry ${formatCount(count)}`}
      isBusy={isBusy}
      isReady={!isTooMany}
      onConfirm={() => void confirm()}
      onClose={onClose}
    >
      <p>
        They are requested again in a new refresh of {nameOf(refresh.collection)}
        {reason && (
          <>
            , only those with <span class="code">{reason.reason}</span>
          </>
        )}
        . This refresh stays as it is.
      </p>
      <p>
        {isCharged ? (
          <>
            This uses {formatCount(count)} of {quotaSentence(refresh.quota, refresh.project?.name ?? null)}
          </>
        ) : (
          'This uses nothing of the quota of the project.'
        )}
      </p>
      {isTooMany && (
        <p class="problem">
          That is more than the quota has left.
          {resetsAt !== null && ` It works again at ${formatClock(resetsAt)}, or with fewer tokens.`}
        </p>
      )}
      {isOperator && (
        <label class="check">
          <input
            type="checkbox"
            checked={isCharged}
            onChange={({ currentTarget }) => setCharged(currentTarget.checked)}
          />
          Count them towards the quota of the project
        </label>
      )}
    </Ask>
  );
}

const SPEAK_INTERVAL_MS = 10_000;

/** Progress is spoken at most every ten seconds. */
function useSpokenProgress(refresh: Details): void {
  const last = useRef({ at: performance.now(), percent: formatPercent(doneOf(refresh), refresh.total) });
  useEffect(() => {
    const percent = formatPercent(doneOf(refresh), refresh.total);
    const isEnd = refresh.completedAt !== null;
    if (percent === last.current.percent) return;
    if (!isEnd && performance.now() - last.current.at < SPEAK_INTERVAL_MS) return;
    last.current = { at: performance.now(), percent };
    announce(isEnd ? `Completed, ${plural(refresh.failed, 'token')} failed` : `${percent} done`);
  }, [refresh]);
}
