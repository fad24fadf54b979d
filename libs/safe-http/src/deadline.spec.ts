import { getEventListeners } from 'node:events';
import { Deadline } from './deadline.js';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

it('a deadline aborts when the time is over, and does not run while it is paused', () => {
  const deadline = new Deadline(1000);
  vi.advanceTimersByTime(400);
  deadline.pause();
  vi.advanceTimersByTime(5000);
  expect(deadline.remainingMs).toBe(600);
  deadline.resume();

  vi.advanceTimersByTime(599);
  expect(deadline.aborted).toBe(false);
  vi.advanceTimersByTime(1);
  expect([deadline.aborted, deadline.remainingMs]).toEqual([true, 0]);
  expect(vi.getTimerCount()).toBe(0);
});

it('each of several deadlines aborts at its own time, whichever was started or ended first', () => {
  const times = [3000, 1000, 2000.5, 1000, 10, 2500];
  const startedAt = performance.now();
  const aborted: [ms: number, elapsed: number][] = [];
  const deadlines = times.map((ms) => {
    const deadline = new Deadline(ms);
    deadline.addEventListener('abort', () => aborted.push([ms, performance.now() - startedAt]));
    return deadline;
  });
  deadlines[4]!.clear();
  vi.advanceTimersByTime(1500);
  const later = new Deadline(100);
  later.addEventListener('abort', () => aborted.push([100, performance.now() - startedAt]));
  vi.advanceTimersByTime(5000);

  expect(aborted).toEqual([
    [1000, 1000],
    [1000, 1000],
    [100, 1600],
    [2000.5, 2001],
    [2500, 2500],
    [3000, 3000],
  ]);
  expect(vi.getTimerCount()).toBe(0);
});

it('a deadline longer than a timer can wait aborts when it is over, not at once', () => {
  const deadline = new Deadline(2 ** 31 + 1000);

  vi.advanceTimersByTime(2 ** 31);
  expect(deadline.aborted).toBe(false);
  vi.advanceTimersByTime(1000);
  expect(deadline.aborted).toBe(true);
});

it('a cleared deadline never aborts, also after resume()', () => {
  const outer = new AbortController();
  const deadline = new Deadline(1000, outer.signal);
  deadline.pause();
  deadline.clear();
  deadline.resume();

  expect(vi.getTimerCount()).toBe(0);
  vi.advanceTimersByTime(5000);
  outer.abort();
  expect([deadline.remainingMs, deadline.aborted]).toEqual([1000, false]);
});

it('an aborted signal ends all deadlines that it was given to, once, and those that are given to it later', () => {
  const outer = new AbortController();
  let calls = 0;
  const deadlines = Array.from({ length: 20 }, () => new Deadline(1000, outer.signal));
  for (const deadline of deadlines) deadline.addEventListener('abort', () => (calls += 1));
  deadlines[0]!.clear();
  deadlines[1]!.pause();

  outer.abort();
  vi.advanceTimersByTime(5000);

  expect(deadlines.map(({ aborted }) => aborted)).toEqual([false, ...Array<boolean>(19).fill(true)]);
  expect(calls).toBe(19);
  expect(new Deadline(1000, outer.signal).aborted).toBe(true);
  expect(vi.getTimerCount()).toBe(0);
});

it('a removed listener of a deadline is not called', () => {
  const deadline = new Deadline(1000);
  const called: string[] = [];
  const removed = () => called.push('removed');
  deadline.addEventListener('abort', removed);
  deadline.addEventListener('abort', () => called.push('other'));
  deadline.removeEventListener('abort', removed);

  vi.advanceTimersByTime(1000);

  expect([deadline.aborted, called]).toEqual([true, ['other']]);
});

it('deadlines have one listener together on the signal that they were given, and leave none there', () => {
  const { signal } = new AbortController();

  const deadlines = Array.from({ length: 20 }, () => new Deadline(1000, signal));
  expect(getEventListeners(signal, 'abort')).toHaveLength(1);
  deadlines[0]!.clear();
  vi.advanceTimersByTime(1000);

  expect(getEventListeners(signal, 'abort')).toEqual([]);
});
