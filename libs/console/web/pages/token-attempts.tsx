import { Link } from 'wouter-preact';
import type { TokenAttempts } from '../../src/wire/index.js';
import { withQuery } from '../data/api.js';
import type { Filters } from '../data/filters.js';
import { SLOW_MS, useRead } from '../data/queries.js';
import { Foreign } from '../parts/foreign.js';
import { shortUuid } from '../parts/names.js';
import { Empty, Loaded } from '../parts/states.js';
import { Pager } from '../parts/table.js';
import { Ago, When } from '../parts/time.js';
import { formatBytes, formatCount, plural } from '../text/numbers.js';

type Attempt = TokenAttempts['rows'][number];
type Request = Attempt['requests'][number];

const OUTCOMES: Record<Request['outcome'], { text: string; tone: string }> = {
  fetched: { text: 'New document', tone: 'ok' },
  not_modified: { text: 'Not modified', tone: '' },
  unreachable: { text: 'No response', tone: 'bad' },
  bad_status: { text: 'Refused', tone: 'bad' },
  undecodable: { text: 'Not metadata', tone: 'bad' },
  no_token: { text: 'No such token', tone: 'bad' },
};

/** Each try of the last seven days, the latest first; the gateways of one try are one group. */
export function TokenAttemptsCard({
  path,
  filters,
}: {
  path: string;
  filters: Pick<Filters<string>, 'cursor' | 'linkWith'>;
}) {
  const read = useRead<TokenAttempts>(withQuery(`${path}/attempts`, { cursor: filters.cursor }), SLOW_MS);
  return (
    <section class="card" aria-labelledby="attempts">
      <header>
        <h2 id="attempts">Attempts</h2>
        <span class="muted">of the last seven days, the latest first</span>
      </header>
      <Loaded read={read}>
        {({ rows, next }) =>
          rows.length === 0 ? (
            <Empty icon="wait" title="Nothing was tried in the last seven days">
              <p>“Refresh this token” makes the next try.</p>
            </Empty>
          ) : (
            <>
              <div class="pad">
                <ol class="story">
                  {rows.map((attempt) => (
                    <AttemptItem key={`${attempt.refreshId} ${attempt.attempt}`} attempt={attempt} />
                  ))}
                </ol>
              </div>
              <Pager filters={filters} next={next} />
            </>
          )
        }
      </Loaded>
    </section>
  );
}

function AttemptItem({ attempt: { refreshId, attempt, at, requests, event } }: { attempt: Attempt }) {
  const last = requests.at(-1);
  const { text, tone } = last ? OUTCOMES[last.outcome] : { text: 'No request', tone: '' };
  return (
    <li class={tone || undefined}>
      <div>
        <b class="strong">{text}</b>
        {last?.reason && (
          <>
            {' '}
            <span class="code">{last.reason}</span> {last.title}
          </>
        )}
        <small>
          <When at={at} />, <Ago at={at} />, try {formatCount(attempt)} of refresh{' '}
          <Link class="link mono" href={`/refreshes/${refreshId}`}>
            {shortUuid(refreshId)}
          </Link>
          {event && `, for an event in block ${formatCount(event.blockNumber)}`}
          {requests.length > 1 && `, ${plural(requests.length, 'request')} in turn`}
        </small>
        <ul class="requests">
          {requests.map((request) => (
            <li key={request.id}>
              {request.url === '' ? (
                <span class="muted">the document is in the token URI</span>
              ) : (
                <Foreign text={request.url} max={300} mono />
              )}
              <span class="faint nowrap">
                {request.statusCode ?? 'no status'} · {formatCount(request.durationMs)} ms ·{' '}
                {formatBytes(request.bytes)}
              </span>
            </li>
          ))}
        </ul>
      </div>
    </li>
  );
}
