import { HostWindow, type HostSignal } from './host-window.js';

const LIMIT = 64;

/** Rounds of requests, as many at once as the window allows, each round lasting as long as one request. */
function rounds(
  window: HostWindow,
  count: number,
  { signal = 'answered' as HostSignal, tookMs = 20, at = 0 } = {},
): number {
  let now = at;
  for (let round = 0; round < count; round += 1) {
    const open = window.slots(LIMIT);
    for (let one = 0; one < open; one += 1) {
      window.note(signal, { startedAt: now, endedAt: now + tookMs, open, limit: LIMIT });
    }
    now += tookMs;
  }
  return now;
}

it('begins with eight, and never has more than the limit', () => {
  expect(new HostWindow().slots(LIMIT)).toBe(8);
  expect(new HostWindow().slots(2)).toBe(2);
  expect(new HostWindow().slots(0)).toBe(0);
});

it('doubles with each round of fast answers, up to the limit', () => {
  const window = new HostWindow();
  const sizes = [1, 2, 3, 4].map(() => {
    rounds(window, 1);
    return window.slots(LIMIT);
  });

  expect(sizes).toEqual([16, 32, 64, 64]);
});

it('does not grow while answers take much longer than before', () => {
  const window = new HostWindow();
  const now = rounds(window, 1, { tookMs: 60 });
  rounds(window, 3, { tookMs: 1000, at: now });

  expect(window.slots(LIMIT)).toBe(16);
});

it('does not grow by requests that leave part of it unused', () => {
  const window = new HostWindow();
  for (let one = 0; one < 100; one += 1) window.note('answered', { startedAt: 0, endedAt: 20, open: 1, limit: LIMIT });

  expect(window.slots(LIMIT)).toBe(8);
});

it.each<HostSignal>(['throttled', 'timed_out'])('is halved once for a round of requests that are %s', (signal) => {
  const window = new HostWindow();
  let now = rounds(window, 4);

  now = rounds(window, 1, { signal, at: now });
  const sizes = [window.slots(LIMIT)];
  rounds(window, 1, { signal, at: now + 2000 });
  sizes.push(window.slots(LIMIT));

  expect(sizes).toEqual([32, 16]);
});

it('grows by one a round after it was halved', () => {
  const window = new HostWindow();
  let now = rounds(window, 1, { signal: 'throttled' });
  const sizes = [window.slots(LIMIT)];
  for (let round = 0; round < 2; round += 1) {
    now = rounds(window, 1, { at: now + 1 });
    sizes.push(window.slots(LIMIT));
  }

  expect(sizes[0]).toBe(4);
  expect(sizes[2]! - sizes[0]!).toBeGreaterThanOrEqual(1);
  expect(sizes[2]! - sizes[0]!).toBeLessThanOrEqual(2);
});

it('never falls below one', () => {
  const window = new HostWindow();
  rounds(window, 20, { signal: 'throttled' });

  expect(window.slots(LIMIT)).toBe(1);
});

it('learns nothing of a host from requests that failed before they reached it', () => {
  const window = new HostWindow();
  rounds(window, 20, { signal: 'failed' });

  expect(window.slots(LIMIT)).toBe(8);
});

describe('a host that times out even when it is asked for one thing at a time', () => {
  const timesOut = (window: HostWindow, times: number) => {
    for (let one = 0, now = 0; one < times; one += 1, now += 3000) {
      window.note('timed_out', { startedAt: now, endedAt: now + 3000, open: window.slots(8), limit: 8 });
    }
  };

  it('hangs, whoever asks: it has half of its limit, so that a refresh ends', () => {
    const window = new HostWindow();
    timesOut(window, 5);
    const before = window.slots(8);
    timesOut(window, 10);

    expect([before, window.slots(8), window.slots(1)]).toEqual([1, 4, 1]);
  });

  it('grows from one request again when it answers', () => {
    const window = new HostWindow();
    timesOut(window, 10);

    window.note('answered', { startedAt: 0, endedAt: 2900, open: 4, limit: 8 });

    expect(window.slots(8)).toBe(2);
  });
});
