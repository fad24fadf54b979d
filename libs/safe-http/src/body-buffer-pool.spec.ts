import { AcquireTimeout, BodyBufferPool, type Permit } from './body-buffer-pool.js';

const WAIT_MS = 8000;

let pool: BodyBufferPool;
/** The results of acquire, in order. */
let results: string[];
beforeEach(() => {
  vi.useFakeTimers();
  pool = new BodyBufferPool({ largeBodyQueueTimeoutMs: WAIT_MS });
  results = [];
});
afterEach(() => {
  vi.useRealTimers();
});

/** The first letter of the name is the owner. */
function acquire(name: string): Permit {
  const permit = pool.createPermit();
  permit.acquire(name.slice(0, 1)).then(
    () => results.push(name),
    () => results.push(`${name} timed out`),
  );
  return permit;
}

/** Runs everything that waits for no timer. */
const settle = () => vi.advanceTimersByTimeAsync(0);

it('a pool grants two buffers at the same time, and the next permit gets one that is released', async () => {
  const [first] = [acquire('a1'), acquire('b1'), acquire('c1')];
  await settle();
  expect(results).toEqual(['a1', 'b1']);

  first.release();
  await settle();

  expect(results).toEqual(['a1', 'b1', 'c1']);
});

it('a pool lets collections take turns: owners without a buffer come before those that hold one', async () => {
  const [first, , , another] = [acquire('a1'), acquire('a2'), acquire('a3'), acquire('b1'), acquire('c1')];

  first.release();
  another.release();
  await settle();

  expect(results).toEqual(['a1', 'a2', 'b1', 'c1']);
});

it('a pool skips permits that were released while waiting, and loses no buffer', async () => {
  const permits = [acquire('a1'), acquire('b1'), acquire('c1'), acquire('d1')];

  for (const permit of permits.toReversed()) permit.release();
  for (const later of ['e1', 'f1']) acquire(later);
  await vi.advanceTimersByTimeAsync(WAIT_MS);

  expect(results).toEqual(['a1', 'b1', 'e1', 'f1']);
});

it('a pool leaves no timer behind when no permit waits', async () => {
  const permits = [acquire('a1'), acquire('b1'), acquire('c1')];

  for (const permit of permits.toReversed()) permit.release();
  await settle();

  expect(vi.getTimerCount()).toBe(0);
});

it('a pool rejects with AcquireTimeout when all waits of a permit together are too long', async () => {
  const permit = pool.createPermit();
  const [first] = [acquire('a1'), acquire('b1')];
  const acquired = permit.acquire('c');
  await vi.advanceTimersByTimeAsync(WAIT_MS - 1000);
  first.release();
  await acquired;
  permit.release();
  acquire('d1');

  const failure = permit.acquire('c').catch((error: unknown) => error);
  await vi.advanceTimersByTimeAsync(1000);

  expect(await failure).toBeInstanceOf(AcquireTimeout);
  expect(permit.isWaiting).toBe(false);
});

it('a pool rejects at once when the queue is full, but still queues the first permit of another collection', async () => {
  for (let id = 1; id <= 2 + 64 + 1; id += 1) acquire(`a${id}`);
  const late = acquire('b1');
  await settle();

  expect(results).toEqual(['a1', 'a2', 'a67 timed out']);
  expect(late.isWaiting).toBe(true);
});
