import { AimdLimiter, type HostSignal } from './aimd-limiter.js';

const LIMIT = 64;

/** Rounds of requests, as many at once as the limiter allows, each round lasting as long as one request. */
function rounds(
  limiter: AimdLimiter,
  count: number,
  { signal = 'responded' as HostSignal, tookMs = 20, at = 0 } = {},
): number {
  let now = at;
  for (let round = 0; round < count; round += 1) {
    const open = limiter.limitWithin(LIMIT);
    for (let one = 0; one < open; one += 1) {
      limiter.onSample(signal, { startedAt: now, endedAt: now + tookMs, open, limit: LIMIT });
    }
    now += tookMs;
  }
  return now;
}

it('a limiter starts with eight requests, and never exceeds the limit', () => {
  expect(new AimdLimiter().limitWithin(LIMIT)).toBe(8);
  expect(new AimdLimiter().limitWithin(2)).toBe(2);
  expect(new AimdLimiter().limitWithin(0)).toBe(0);
});

it('a limiter doubles with each round of fast responses, up to the limit', () => {
  const limiter = new AimdLimiter();
  const sizes = [1, 2, 3, 4].map(() => {
    rounds(limiter, 1);
    return limiter.limitWithin(LIMIT);
  });

  expect(sizes).toEqual([16, 32, 64, 64]);
});

it('a limiter does not grow while responses take much longer than before', () => {
  const limiter = new AimdLimiter();
  const now = rounds(limiter, 1, { tookMs: 60 });
  rounds(limiter, 3, { tookMs: 1000, at: now });

  expect(limiter.limitWithin(LIMIT)).toBe(16);
});

it('a limiter does not grow while part of it is unused', () => {
  const limiter = new AimdLimiter();
  for (let one = 0; one < 100; one += 1)
    limiter.onSample('responded', { startedAt: 0, endedAt: 20, open: 1, limit: LIMIT });

  expect(limiter.limitWithin(LIMIT)).toBe(8);
});

it.each<HostSignal>(['throttled', 'timed_out'])(
  'a limiter is halved once for a round of requests that are %s',
  (signal) => {
    const limiter = new AimdLimiter();
    let now = rounds(limiter, 4);

    now = rounds(limiter, 1, { signal, at: now });
    const sizes = [limiter.limitWithin(LIMIT)];
    rounds(limiter, 1, { signal, at: now + 2000 });
    sizes.push(limiter.limitWithin(LIMIT));

    expect(sizes).toEqual([32, 16]);
  },
);

it('a limiter that was halved grows by one a round', () => {
  const limiter = new AimdLimiter();
  let now = rounds(limiter, 1, { signal: 'throttled' });
  const sizes = [limiter.limitWithin(LIMIT)];
  for (let round = 0; round < 2; round += 1) {
    now = rounds(limiter, 1, { at: now + 1 });
    sizes.push(limiter.limitWithin(LIMIT));
  }

  expect(sizes[0]).toBe(4);
  expect(sizes[2]! - sizes[0]!).toBeGreaterThanOrEqual(1);
  expect(sizes[2]! - sizes[0]!).toBeLessThanOrEqual(2);
});

it('a limiter never falls below one request', () => {
  const limiter = new AimdLimiter();
  rounds(limiter, 20, { signal: 'throttled' });

  expect(limiter.limitWithin(LIMIT)).toBe(1);
});

it('requests that failed before they reached the host do not change its limiter', () => {
  const limiter = new AimdLimiter();
  rounds(limiter, 20, { signal: 'failed' });

  expect(limiter.limitWithin(LIMIT)).toBe(8);
});

describe('hosts that time out even with a single open request', () => {
  const timesOut = (limiter: AimdLimiter, times: number) => {
    for (let one = 0, now = 0; one < times; one += 1, now += 3000) {
      limiter.onSample('timed_out', { startedAt: now, endedAt: now + 3000, open: limiter.limitWithin(8), limit: 8 });
    }
  };

  it('a host that times out even with a single open request gets half of its limit, so that a refresh ends', () => {
    const limiter = new AimdLimiter();
    timesOut(limiter, 5);
    const before = limiter.limitWithin(8);
    timesOut(limiter, 10);

    expect([before, limiter.limitWithin(8), limiter.limitWithin(1)]).toEqual([1, 4, 1]);
  });

  it('a host that timed out with a single open request grows from one request again when it responds', () => {
    const limiter = new AimdLimiter();
    timesOut(limiter, 10);

    limiter.onSample('responded', { startedAt: 0, endedAt: 2900, open: 4, limit: 8 });

    expect(limiter.limitWithin(8)).toBe(2);
  });
});
