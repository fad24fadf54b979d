import type { FetchOutcome, MetadataFetcher } from '@app/metadata-fetch';
import type { TokenStore } from '@app/token-store';
import { ConsoleLogger, Logger } from '@nestjs/common';
import { AttemptCounts } from '../metrics/attempt-counts.js';
import { BulkPause } from '../queue/bulk-pause.js';
import type { ClaimedToken } from '../queue/claimed-token.js';
import type { Completion } from '../completion/completion.js';
import type { ItemResult } from '../completion/item-result.js';
import { metadataRefreshOptions } from '../metadata-refresh.options.js';
import type { RefreshQueue } from '../queue/refresh-queue.js';
import type { CollectionRecords } from '../collection-records/collection-records.js';
import type { EndedHolds } from '../versions/ended-holds.js';
import type { RefreshSweep } from '../control/refresh-sweep.js';
import type { RevealSweep } from '../reveals/reveal-sweep.js';
import { aClaimedToken } from '../queue/claimed-token.fixtures.js';
import type { HostUsage, HostWorkers } from './host-workers.js';
import { WorkerMetrics } from '../metrics/worker-metrics.js';
import type { RefreshListener } from './refresh-listener.js';
import { RefreshWorker } from './refresh-worker.js';
import type { WorkerReports } from './worker-reports.js';

const settle = () => vi.advanceTimersByTimeAsync(0);
const NOT_FOUND: FetchOutcome = {
  kind: 'bad_status',
  status: 404,
  body: '',
  url: 'https://a.example',
  durationMs: 1,
  bytes: 2,
  otherRequests: [],
};

/** A worker whose queue is an array, and whose database and hosts answer as the test says. */
function aWorker(...tokenIds: string[]) {
  const due = tokenIds.map((tokenId) => aClaimedToken({ tokenId }));
  const world = { isDatabaseUnavailable: false, claims: 0, leaves: 0, isListening: false, releaseLeave: () => {} };
  const written: string[] = [];
  const requests: { tokenId: string; signal: AbortSignal; end: () => void }[] = [];
  const query = <Result>(result: () => Result) =>
    world.isDatabaseUnavailable ? Promise.reject(new Error('away')) : Promise.resolve(result());
  const queue = {
    claim: () => {
      world.claims += 1;
      return query(() => ({
        tokens: due.splice(0),
        laneIds: [],
        mayHaveLeftLanes: false,
        hasDeferred: false,
        lostTokens: 0,
        fullHosts: new Set(),
      }));
    },
    release: (tokens: ClaimedToken[]) => query(() => void due.push(...tokens)),
    setCooldown: () => query(() => {}),
  };
  const completion = {
    complete: (batch: ItemResult[]) => query(() => written.push(...batch.map((result) => result.token.tokenId))),
  };
  const hostWorkers = {
    heartbeat: (usages: HostUsage[]) => query(() => usages.map(({ host }) => ({ host, share: 8, cooldownSeconds: 0 }))),
    leave: () => {
      world.leaves += 1;
      return new Promise<void>((done) => (world.releaseLeave = done));
    },
  };
  const fetcher = {
    prepare: () => {},
    fetch: ({ tokenId }: ClaimedToken, signal: AbortSignal) =>
      new Promise((end) => {
        requests.push({ tokenId, signal, end: () => end(NOT_FOUND) });
        signal.addEventListener('abort', () => end(NOT_FOUND), { once: true });
      }),
  };
  const listener = {
    listen: () => (world.isListening = true),
    keepListening: () => {},
    stop: async () => void (world.isListening = false),
  };
  const worker = new RefreshWorker(
    queue as unknown as RefreshQueue,
    completion as unknown as Completion,
    hostWorkers as unknown as HostWorkers,
    fetcher as unknown as MetadataFetcher,
    { findStored: async () => [] } as unknown as TokenStore,
    new AttemptCounts(),
    new WorkerMetrics(),
    listener as unknown as RefreshListener,
    new BulkPause(),
    { poll: () => {}, continueStopped: async () => {} } as unknown as RefreshSweep,
    { poll: () => {}, release: async () => 0 } as unknown as EndedHolds,
    { poll: () => {}, continueDue: async () => {} } as unknown as RevealSweep,
    { record: () => {}, start: () => {}, save: async () => {}, stop: async () => {} } as unknown as WorkerReports,
    { poll: () => {}, run: async () => {} } as unknown as CollectionRecords,
    metadataRefreshOptions.complete({}),
  );
  return { worker, world, due, written, requests };
}

beforeAll(() => Logger.overrideLogger(false));
beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});
afterAll(() => Logger.overrideLogger(new ConsoleLogger()));

it('a round claims, fetches and writes what is due, and leaves no timer behind', async () => {
  const { worker, written, requests } = aWorker('1', '2');
  const round = worker.runOnce();
  await settle();
  for (const { end } of requests) end();
  await round;

  expect([written, vi.getTimerCount()]).toEqual([['1', '2'], 0]);
});

it('a round throws a database error, and the next round continues', async () => {
  const { worker, world, written, requests } = aWorker('1');
  world.isDatabaseUnavailable = true;
  await expect(worker.runOnce()).rejects.toThrow('away');
  world.isDatabaseUnavailable = false;
  const round = worker.runOnce();
  await vi.advanceTimersByTimeAsync(1000);
  requests[0]!.end();
  await round;

  expect(written).toEqual(['1']);
});

it('a worker that is stopped aborts its fetches and releases their tokens, leaves its hosts, and claims nothing more', async () => {
  const { worker, world, due, written, requests } = aWorker('1');
  worker.start();
  await settle();
  const stopped = worker.stop();
  worker.wake();
  await settle();
  const claims = world.claims;
  world.releaseLeave();
  await stopped;
  worker.wake();
  await vi.advanceTimersByTimeAsync(5000);

  expect([requests[0]!.signal.aborted, due.map(({ tokenId }) => tokenId), written]).toEqual([true, ['1'], []]);
  expect([world.leaves, world.isListening, world.claims]).toEqual([1, false, claims]);
});

it('a worker that is started while it stops works again afterwards, unless it is stopped once more', async () => {
  const restarted = aWorker();
  restarted.worker.start();
  await settle();
  const stopping = restarted.worker.stop();
  restarted.worker.start();
  await settle();
  const during = restarted.world.claims;
  restarted.world.releaseLeave();
  await stopping;
  await settle();

  const stopped = aWorker();
  stopped.worker.start();
  await settle();
  void stopped.worker.stop();
  stopped.worker.start();
  const last = stopped.worker.stop();
  await settle();
  stopped.world.releaseLeave();
  await last;
  await settle();

  expect([during, restarted.world.claims, stopped.world.claims]).toEqual([1, 2, 1]);
  expect([restarted.world.isListening, stopped.world.isListening]).toEqual([true, false]);
});

it('a round that begins while the worker stops waits for its end', async () => {
  const { worker, world, due, written, requests } = aWorker();
  worker.start();
  await settle();
  const stopped = worker.stop();
  due.push(aClaimedToken({ tokenId: '1' }));
  const round = worker.runOnce();
  await settle();
  const during = world.claims;
  world.releaseLeave();
  await stopped;
  await settle();
  requests[0]!.end();
  await round;

  expect([during, written]).toEqual([1, ['1']]);
});

it('a worker that the database refuses stops nevertheless', async () => {
  const { worker, world, requests, written } = aWorker('1');
  worker.start();
  await settle();
  world.isDatabaseUnavailable = true;
  requests[0]!.end();
  await settle();
  const stopped = worker.stop();
  await settle();
  world.releaseLeave();

  await expect(stopped).resolves.toBeUndefined();
  expect(written).toEqual([]);
});
