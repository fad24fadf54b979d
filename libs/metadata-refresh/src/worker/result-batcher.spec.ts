import type { ItemResult } from '../completion/item-result.js';
import { aClaimedToken } from '../queue/claimed-token.fixtures.js';
import { ResultBatcher } from './result-batcher.js';

const fetched = (): ItemResult[] => {
  const token = aClaimedToken();
  return [{ item: token.items[0]!, token, requests: [], status: 'retry', delaySeconds: 1 }];
};

/** Writes whatever it is given, each batch until it is told to end. */
function aBatcher() {
  const writes: { size: number; end: () => void; fail: () => void }[] = [];
  const callbacks = { limits: { batchSize: 4, maxConcurrentBatches: 2 }, isLast: false, backoffMs: 0, errors: 0 };
  const batcher = new ResultBatcher(
    { completeLingerMs: 250 },
    {
      write: (batch) =>
        new Promise((end, fail) => writes.push({ size: batch.length, end, fail: () => fail(new Error('away')) })),
      limits: () => callbacks.limits,
      isLast: () => callbacks.isLast,
      backoffMs: () => callbacks.backoffMs,
      onWritten: () => {},
      onError: () => (callbacks.errors += 1),
    },
  );
  const add = (count: number) => {
    for (let one = 0; one < count; one += 1) batcher.add(fetched());
  };
  return { batcher, writes, callbacks, add, sizes: () => writes.map(({ size }) => size) };
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

it('results are written when a batch is full, or when the first one has lingered long enough', () => {
  const { add, sizes } = aBatcher();
  add(3);
  const early = sizes();
  add(1);
  add(1);
  vi.advanceTimersByTime(200);
  add(1);
  vi.advanceTimersByTime(50);

  expect([early, sizes()]).toEqual([[], [4, 2]]);
});

it('results are written at once when no other work is in progress', () => {
  const { add, sizes, callbacks } = aBatcher();
  callbacks.isLast = true;
  add(1);

  expect(sizes()).toEqual([1]);
});

it('two batches are written concurrently and no more, and the next one when one of them is written', async () => {
  const { add, sizes, writes } = aBatcher();
  add(13);
  const first = sizes();
  writes[1]!.end();
  await vi.advanceTimersByTimeAsync(0);

  expect([first, sizes()]).toEqual([
    [4, 4],
    [4, 4, 4],
  ]);
});

it('a result does not linger longer while another batch is being written', () => {
  const { add, sizes } = aBatcher();
  add(4);
  vi.advanceTimersByTime(100);
  add(1);
  vi.advanceTimersByTime(249);
  const before = sizes();
  vi.advanceTimersByTime(1);

  expect([before, sizes()]).toEqual([[4], [4, 1]]);
});

it('a batch that could not be written is kept, and written first after the back-off', async () => {
  const { batcher, add, sizes, writes, callbacks } = aBatcher();
  add(6);
  callbacks.backoffMs = 1000;
  writes[0]!.fail();
  await vi.advanceTimersByTimeAsync(0);
  const kept = batcher.isIdle;
  batcher.flush(true);
  const whileResting = sizes();
  callbacks.backoffMs = 0;
  await vi.advanceTimersByTimeAsync(1000);

  expect([kept, callbacks.errors, whileResting, sizes()]).toEqual([false, 1, [4], [4, 4, 2]]);
});

it('backpressure starts when more than two batches of results wait', () => {
  const { batcher, add } = aBatcher();
  add(8 + 8);
  const before = batcher.isBackpressured;
  add(1);

  expect([before, batcher.isBackpressured]).toEqual([false, true]);
});

it('a batcher is saturated while its batches are full, and for two seconds after', () => {
  const { batcher, add } = aBatcher();
  add(3);
  const partly = batcher.isSaturated();
  add(1);
  const full = batcher.isSaturated();
  vi.advanceTimersByTime(2000);

  expect([partly, full, batcher.isSaturated()]).toEqual([false, true, false]);
});
