import { ReadGate } from './bounded-reads.js';
import { ReadsBusy } from '../metadata-refresh.errors.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Reads that end when told. */
function startReads(gate: ReadGate, count: number) {
  return Array.from({ length: count }, () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const state = { hasBegun: false };
    const done = gate.run(async () => {
      state.hasBegun = true;
      await promise;
    });
    // A test looks at it later.
    done.catch(() => {});
    return { end: resolve, done, state };
  });
}

it('four reads run at once, and the fifth begins when one of them has ended', async () => {
  const reads = startReads(new ReadGate(), 5);
  await vi.advanceTimersByTimeAsync(0);
  expect(reads.map(({ state }) => state.hasBegun)).toEqual([true, true, true, true, false]);

  reads[1]!.end();
  await reads[1]!.done;
  await vi.advanceTimersByTimeAsync(0);

  expect(reads[4]!.state.hasBegun).toBe(true);
});

it('the fifth read is refused after a second, and never begins [K41]', async () => {
  const reads = startReads(new ReadGate(), 5);

  await vi.advanceTimersByTimeAsync(999);
  const refusal = reads[4]!.done.catch((error: unknown) => error);
  await vi.advanceTimersByTimeAsync(1);
  expect(await refusal).toBeInstanceOf(ReadsBusy);
  reads[0]!.end();
  await reads[0]!.done;

  expect(reads[4]!.state.hasBegun).toBe(false);
});

it('a read with more patience than a second begins when another one has ended', async () => {
  const gate = new ReadGate(1);
  const [first] = startReads(gate, 1);
  const read = gate.run(() => Promise.resolve('read'), { maxWaitMs: 60_000 });

  await vi.advanceTimersByTimeAsync(59_000);
  first!.end();

  await expect(read).resolves.toBe('read');
});

it('a read that fails makes room for another one', async () => {
  const gate = new ReadGate();
  const failures = Array.from({ length: 4 }, () => gate.run(() => Promise.reject(new Error('gone'))));
  for (const failure of failures) await expect(failure).rejects.toThrow('gone');

  await expect(gate.run(() => Promise.resolve('read'))).resolves.toBe('read');
});
