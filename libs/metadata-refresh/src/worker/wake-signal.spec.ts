import { WakeSignal } from './wake-signal.js';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

it('a waiting loop continues when it is woken, and not before', async () => {
  const signal = new WakeSignal();
  const continued = vi.fn<() => void>();
  void signal.wait().then(continued);
  await vi.advanceTimersByTimeAsync(60_000);
  const before = continued.mock.calls.length;
  signal.wake();
  await vi.advanceTimersByTimeAsync(0);

  expect([before, continued.mock.calls.length]).toEqual([0, 1]);
});

it('a wake-up while the loop is busy ends its next wait, once, however many there were', async () => {
  const signal = new WakeSignal();
  const continued = vi.fn<() => void>();
  signal.wake();
  signal.wake();
  await signal.wait();
  void signal.wait().then(continued);
  await vi.advanceTimersByTimeAsync(60_000);

  expect(continued).not.toHaveBeenCalled();
});

it('a wait with a timeout ends by itself, and leaves no timer behind when it is woken earlier', async () => {
  const signal = new WakeSignal();
  const continued = vi.fn<() => void>();
  void signal.wait(1000).then(continued);
  await vi.advanceTimersByTimeAsync(1000);
  void signal.wait(1000).then(continued);
  signal.wake();
  await vi.advanceTimersByTimeAsync(0);

  expect([continued.mock.calls.length, vi.getTimerCount()]).toEqual([2, 0]);
});

it('a waiting loop continues when its signal is aborted, so that it can end', async () => {
  const signal = new WakeSignal();
  const loop = new AbortController();
  signal.wakeOnAbort(loop.signal);
  const waiting = signal.wait();
  loop.abort();

  await expect(waiting).resolves.toBeUndefined();
});
