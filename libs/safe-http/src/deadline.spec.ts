import { Deadline } from './deadline.js';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

it('ends when its time is over, and stands still while it is paused', () => {
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

it('is over once and for all when it is cleared, whoever goes on then', () => {
  const deadline = new Deadline(1000);
  deadline.pause();
  deadline.clear();
  deadline.resume();

  expect(vi.getTimerCount()).toBe(0);
  vi.advanceTimersByTime(5000);
  expect([deadline.remainingMs, deadline.signal.aborted]).toEqual([1000, false]);
});

it('ends with whatever it is a part of', () => {
  const outer = new AbortController();
  const deadline = new Deadline(1000, outer.signal);

  outer.abort();

  expect(deadline.signal.aborted).toBe(true);
});
