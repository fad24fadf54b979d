import { BulkPause } from '../queue/bulk-pause.js';
import type { ClaimedToken } from '../queue/claimed-token.js';
import type { ItemResult } from '../completion/item-result.js';
import { WorkerMetrics } from '../metrics/worker-metrics.js';
import { BatchCompleter } from './batch-completer.js';
import { DatabaseErrors } from './database-errors.js';

const settle = () => vi.advanceTimersByTimeAsync(0);
const results = (count: number) =>
  Array.from({ length: count }, () => ({ requests: [], status: 'retry', delaySeconds: 1 }) as unknown as ItemResult);

/** Writes whatever it is given, each batch until it is told to end. */
function aCompleter(bulkPause = new BulkPause()) {
  const writes: { size: number; end: () => Promise<unknown> }[] = [];
  const worker = { isRunning: true, hasTokens: true, hasInteractiveTokens: true };
  const metrics = new WorkerMetrics();
  const completer = new BatchCompleter(
    { complete: (batch) => new Promise((end) => writes.push({ size: batch.length, end: () => (end(), settle()) })) },
    bulkPause,
    new DatabaseErrors(metrics, () => {}),
    metrics,
    { completeBatchSize: 500, completeLingerMs: 250 },
    {
      isRunning: () => worker.isRunning,
      hasTokens: () => worker.hasTokens,
      hasInteractiveTokens: () => worker.hasInteractiveTokens,
      onWritten: () => {},
    },
  );
  const add = (kind: 'interactive' | 'bulk', count: number) =>
    completer.add({ priority: kind === 'bulk' ? 2 : 0 } as ClaimedToken, results(count));
  return { completer, bulkPause, worker, metrics, writes, add, sizes: () => writes.map(({ size }) => size) };
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

it('results of interactive requests wait 20 ms for others, all other results 250 ms', () => {
  const { add, sizes } = aCompleter();
  add('bulk', 3);
  add('interactive', 2);
  vi.advanceTimersByTime(20);
  const early = sizes();
  vi.advanceTimersByTime(230);

  expect([early, sizes()]).toEqual([[2], [2, 3]]);
});

it('results of interactive requests are written at once when no further ones are expected, whatever else is fetched', () => {
  const { worker, add, sizes } = aCompleter();
  worker.hasInteractiveTokens = false;
  add('bulk', 3);
  add('interactive', 2);

  expect(sizes()).toEqual([2]);
});

it('bulk batches are smaller and written one at a time while an interactive refresh is recent', () => {
  const alone = aCompleter();
  alone.add('bulk', 1000);
  const bulkPause = new BulkPause();
  bulkPause.request();
  vi.advanceTimersByTime(250);
  const beside = aCompleter(bulkPause);
  beside.add('bulk', 1000);

  expect([alone.sizes(), beside.sizes()]).toEqual([[500, 500], [128]]);
});

it('bulk work pauses for an interactive refresh only while its batches are full', () => {
  const { completer, bulkPause, add } = aCompleter();
  bulkPause.request();
  const waiting = completer.pauseMs();
  add('bulk', 128);

  expect([waiting, completer.pauseMs()]).toEqual([0, 250]);
});

it('a pause of bulk work ends when the last interactive results are written', async () => {
  const { completer, bulkPause, worker, writes, add } = aCompleter();
  bulkPause.request();
  add('bulk', 128);
  worker.hasInteractiveTokens = false;
  add('interactive', 1);
  const during = completer.pauseMs();
  await writes.at(-1)!.end();

  expect([during, completer.pauseMs()]).toEqual([250, 0]);
});

it('batches are measured after their commit: how long they took, and how many results they had', async () => {
  const { metrics, writes, add } = aCompleter();
  add('bulk', 500);
  const during = metrics.read().completionResults.size;
  await vi.advanceTimersByTimeAsync(30);
  await writes[0]!.end();

  const { completionSeconds, completionResults } = metrics.read();
  expect(during).toBe(0);
  expect(completionSeconds.get('bulk')).toMatchObject({ count: 1, sum: 0.03 });
  expect(completionResults.get('bulk')).toMatchObject({ count: 1, sum: 500 });
});
