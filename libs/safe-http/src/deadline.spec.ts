import { Deadline } from './deadline.js';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

it('a deadline aborts its signal when the time is over, and does not run while it is paused', () => {
  const deadline = new Deadline(1000);
  vi.advanceTimersByTime(400);
  deadline.pause();
  vi.advanceTimersByTime(5000);
  expect(deadline.remainingMs).toBe(600);
  deadline.resume();

  vi.advanceTimersByTime(599);
  expect(deadline.signal.aborted).toBe(false);
  vi.advanceTimersByTime(1);
  expect(deadline.signal.aborted).toBe(true);
});

it('a cleared deadline never aborts, also after resume()', () => {
  const deadline = new Deadline(1000);
  deadline.pause();
  deadline.clear();
  deadline.resume();

  expect(vi.getTimerCount()).toBe(0);
  vi.advanceTimersByTime(5000);
  expect([deadline.remainingMs, deadline.signal.aborted]).toEqual([1000, false]);
});

it('a deadline aborts with its outer signal', () => {
  const outer = new AbortController();
  const deadline = new Deadline(1000, outer.signal);

  outer.abort();

  expect(deadline.signal.aborted).toBe(true);
});
