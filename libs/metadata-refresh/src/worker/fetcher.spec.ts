import type { FetchOutcome } from '@app/metadata-fetch';
import { ConsoleLogger, Logger } from '@nestjs/common';
import { AttemptCounts } from '../metrics/attempt-counts.js';
import type { ClaimedItem, ClaimedToken } from '../queue/claimed-token.js';
import type { ItemResult } from '../completion/item-result.js';
import { metadataRefreshOptions } from '../metadata-refresh.options.js';
import { WorkerMetrics } from '../metrics/worker-metrics.js';
import { aClaimedItem, aClaimedToken } from '../queue/claimed-token.fixtures.js';
import { DatabaseErrors } from './database-errors.js';
import { Fetcher } from './fetcher.js';
import { HostLimits } from './host-limits.js';
import { Hosts } from './hosts.js';
import { RecentCooldowns } from './recent-cooldowns.js';
import { TokenBuffer } from './token-buffer.js';

const token = (tokenId: string, priority = 2, item: Partial<ClaimedItem> = {}) =>
  aClaimedToken({ tokenId, priority, items: [aClaimedItem(item)] });
const tokens = (count: number) => Array.from({ length: count }, (_, index) => token(String(index)));
const request = { url: 'https://a.example/1', durationMs: 1, bytes: 2, otherRequests: [] };
const NOT_FOUND: FetchOutcome = { kind: 'bad_status', status: 404, body: '', ...request };
const TOO_MANY: FetchOutcome = { kind: 'bad_status', status: 429, body: '', ...request };
const settle = () => vi.advanceTimersByTimeAsync(0);

/** A running fetcher with a share of 8; each fetch ends when the test says so. */
function aFetcher() {
  const fetches: {
    tokenId: string;
    signal: AbortSignal | undefined;
    end: (outcome: FetchOutcome) => Promise<unknown>;
    fail: () => Promise<unknown>;
  }[] = [];
  const results: ItemResult[] = [];
  const released: ClaimedToken[] = [];
  const saved: [string, number][] = [];
  let stalled = 0;
  const completer = {
    isBackpressured: false,
    isInteractiveBackpressured: false,
    pause: 0,
    pauseMs: () => completer.pause,
    add: (_: ClaimedToken, more: readonly ItemResult[]) => results.push(...more),
  };
  const counts = new AttemptCounts();
  const metrics = new WorkerMetrics();
  const hosts = new Hosts();
  const limits = new HostLimits(hosts, 256);
  const buffer = new TokenBuffer(hosts, limits);
  const database = new DatabaseErrors(metrics, () => {});
  const fetcher = new Fetcher(
    {
      fetcher: {
        fetch: ({ tokenId }, signal) =>
          new Promise((end, fail) =>
            fetches.push({
              tokenId,
              signal,
              end: (outcome) => (end(outcome), settle()),
              fail: () => (fail(new Error('a bug')), settle()),
            }),
          ),
      },
      buffer,
      limits,
      cooldowns: new RecentCooldowns(
        async (host, seconds) => void saved.push([host, seconds]),
        () => {},
      ),
      completer,
      releaser: { release: (more) => released.push(...more) },
      database,
      counts,
      reports: { record: () => {} },
      metrics,
      config: metadataRefreshOptions.complete({}),
    },
    { onFetched: () => {}, onStalled: () => (stalled += 1) },
  );
  const loop = new AbortController();
  const stop = new AbortController();
  void fetcher.run(loop.signal, stop.signal);
  const buffered = async (...more: ClaimedToken[]) => {
    buffer.add(more, performance.now());
    limits.setShare(hosts.find('a.example')!, 8, performance.now());
    fetcher.wake();
    await settle();
  };
  const started = () => fetches.map(({ tokenId }) => tokenId);
  return {
    fetcher,
    fetches,
    results,
    released,
    saved,
    completer,
    limits,
    buffer,
    database,
    counts,
    metrics,
    loop,
    stop,
    buffered,
    started,
    stalled: () => stalled,
  };
}

beforeAll(() => Logger.overrideLogger(false));
beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});
afterAll(() => Logger.overrideLogger(new ConsoleLogger()));

it('as many tokens are fetched as the limits allow, and the next one when a fetch has ended', async () => {
  const { fetches, results, buffered, started } = aFetcher();
  await buffered(...tokens(10));
  const first = started().length;
  await fetches[0]!.end(NOT_FOUND);

  expect([first, started().length]).toEqual([8, 9]);
  expect(results).toMatchObject([{ status: 'failed', token: { tokenId: '0' } }]);
});

it('no token is fetched while results wait for the database, except for interactive requests', async () => {
  const { fetcher, completer, buffered, started } = aFetcher();
  completer.isBackpressured = true;
  await buffered(token('bulk'), token('interactive', 0));
  const during = started();
  completer.isBackpressured = false;
  fetcher.wake();
  await settle();

  expect([during, started()]).toEqual([['interactive'], ['interactive', 'bulk']]);
});

it('in a pause of bulk work only tokens of interactive requests are fetched, and the others afterwards', async () => {
  const { completer, buffered, started } = aFetcher();
  completer.pause = 250;
  await buffered(token('bulk'), token('interactive', 0));
  const during = started();
  completer.pause = 0;
  await vi.advanceTimersByTimeAsync(250);

  expect([during, started()]).toEqual([['interactive'], ['interactive', 'bulk']]);
});

it('no token is fetched during the database back-off', async () => {
  const { database, buffered, started } = aFetcher();
  database.recordFailure('claim failed', new Error('away'));
  await buffered(token('1'));
  const during = started().length;
  await vi.advanceTimersByTimeAsync(1000);

  expect([during, started().length]).toEqual([0, 1]);
});

it('a 429 starts a cooldown of the host, and then the buffered tokens of the host are released', async () => {
  const { fetches, results, released, saved, buffered } = aFetcher();
  await buffered(...tokens(10));
  await fetches[0]!.end(TOO_MANY);

  expect([saved, released.map(({ tokenId }) => tokenId)]).toEqual([[['a.example', 1]], ['8', '9']]);
  expect(results).toMatchObject([{ status: 'retry' }]);
});

it('a token over which too many workers have died fails without a request', async () => {
  const { results, limits, buffered, started } = aFetcher();
  await buffered(token('1', 2, { lostCount: 10 }), token('2', 2, { lostCount: 9 }));

  expect([started(), limits.inFlightCount]).toEqual([['2'], 1]);
  expect(results).toMatchObject([{ status: 'failed', error: { reason: 'worker_lost' } }]);
});

it('a fetch that throws has no result, and frees its place', async () => {
  const { fetches, results, limits, buffered } = aFetcher();
  await buffered(token('1'));
  await fetches[0]!.fail();

  expect([results, limits.inFlightCount]).toEqual([[], 0]);
});

it('a fetch that is aborted when the worker stops has no result', async () => {
  const { fetcher, fetches, results, loop, stop, buffered } = aFetcher();
  await buffered(token('1'), token('2', 0));
  const inFlight = fetcher.tokens.map(({ tokenId }) => tokenId);
  loop.abort();
  stop.abort();
  await fetches[0]!.end(NOT_FOUND);

  expect([inFlight, fetches[0]!.signal?.aborted, results, fetcher.tokens.length]).toEqual([['2', '1'], true, [], 1]);
});

it('the worker is told when tokens wait, none can start and no fetch is running', async () => {
  const { fetcher, fetches, limits, stalled, buffered } = aFetcher();
  await buffered(...tokens(9));
  limits.discardShares();
  fetcher.wake();
  await settle();
  const before = stalled();
  for (const { end } of fetches) await end(NOT_FOUND);

  expect([fetches.length, before, stalled()]).toEqual([8, 0, 1]);
});

it('requests are measured and cooldowns are counted, by class of their host', async () => {
  const { fetches, counts, metrics, buffered } = aFetcher();
  await buffered(...tokens(2));
  await fetches[0]!.end({ ...NOT_FOUND, durationMs: 300, bytes: 5000 });
  await fetches[1]!.end(TOO_MANY);

  const [measured, ...others] = counts.readMeasurements();
  expect(others).toEqual([]);
  expect(measured).toMatchObject({ hostClass: 'http', seconds: { count: 2 }, bytes: { count: 2, sum: 5002 } });
  expect(measured!.seconds.sum).toBeCloseTo(0.301);
  expect([...metrics.read().cooldowns]).toEqual([['http', 1]]);
});
