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
    const open = window.slots(LIMIT, now);
    for (let one = 0; one < open; one += 1) {
      window.note(signal, { startedAt: now, endedAt: now + tookMs, open, limit: LIMIT });
    }
    now += tookMs;
  }
  return now;
}

it('begins with eight, and never has more than the limit', () => {
  expect(new HostWindow().slots(LIMIT, 0)).toBe(8);
  expect(new HostWindow().slots(2, 0)).toBe(2);
  expect(new HostWindow().slots(0, 0)).toBe(0);
});

it('doubles with each round of fast answers, up to the limit', () => {
  const window = new HostWindow();
  const sizes = [1, 2, 3, 4].map(() => {
    rounds(window, 1);
    return window.slots(LIMIT, 0);
  });

  expect(sizes).toEqual([16, 32, 64, 64]);
});

it('does not grow while answers take much longer than before', () => {
  const window = new HostWindow();
  const now = rounds(window, 1, { tookMs: 60 });
  rounds(window, 3, { tookMs: 1000, at: now });

  expect(window.slots(LIMIT, 0)).toBe(16);
});

it('does not grow by requests that leave part of it unused', () => {
  const window = new HostWindow();
  for (let one = 0; one < 100; one += 1) window.note('answered', { startedAt: 0, endedAt: 20, open: 1, limit: LIMIT });

  expect(window.slots(LIMIT, 0)).toBe(8);
});

it.each<HostSignal>(['throttled', 'timed_out'])('is halved once for a round of requests that are %s', (signal) => {
  const window = new HostWindow();
  let now = rounds(window, 4);

  now = rounds(window, 1, { signal, at: now });
  const sizes = [window.slots(LIMIT, now + 2000)];
  rounds(window, 1, { signal, at: now + 2000 });
  sizes.push(window.slots(LIMIT, now + 5000));

  expect(sizes).toEqual([32, 16]);
});

it('grows by one a round after it was halved', () => {
  const window = new HostWindow();
  let now = rounds(window, 1, { signal: 'throttled' });
  const sizes = [window.slots(LIMIT, now)];
  for (let round = 0; round < 2; round += 1) {
    now = rounds(window, 1, { at: now + 1 });
    sizes.push(window.slots(LIMIT, now));
  }

  expect(sizes[0]).toBe(4);
  expect(sizes[2]! - sizes[0]!).toBeGreaterThanOrEqual(1);
  expect(sizes[2]! - sizes[0]!).toBeLessThanOrEqual(2);
});

it('never falls below one', () => {
  const window = new HostWindow();
  rounds(window, 20, { signal: 'throttled' });

  expect(window.slots(LIMIT, 1e6)).toBe(1);
});

it('learns nothing of a host from requests that failed before they reached it', () => {
  const window = new HostWindow();
  rounds(window, 20, { signal: 'failed' });

  expect(window.slots(LIMIT, 0)).toBe(8);
});

it('rests for a second after each timeout in a row beyond the fifth', () => {
  const window = new HostWindow();
  for (let one = 0; one < 5; one += 1) window.note('timed_out', { startedAt: 0, endedAt: 3000, open: 8, limit: 8 });
  const before = window.slots(8, 3000);
  window.note('timed_out', { startedAt: 0, endedAt: 3000, open: 8, limit: 8 });

  expect([before > 0, window.slots(8, 3999), window.slots(8, 4000) > 0]).toEqual([true, 0, true]);
});
