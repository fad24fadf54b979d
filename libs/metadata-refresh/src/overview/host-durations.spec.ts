import { addDuration, noDurations, quantile } from './host-durations.js';

function durationsOf(...milliseconds: number[]) {
  const durations = noDurations();
  for (const one of milliseconds) addDuration(durations, one);
  return durations;
}

it('no responses have no median', () => {
  expect(quantile(noDurations(), 0.5)).toBeNull();
});

it.each([0, 0.3, 1, 2, 95, 212, 3000, 40_000])(
  'the median of responses of %d ms is that, within a fifth',
  (milliseconds) => {
    const median = quantile(durationsOf(milliseconds, milliseconds, milliseconds), 0.5)!;

    expect(Math.abs(median - milliseconds)).toBeLessThanOrEqual(Math.max(1, milliseconds / 5));
  },
);

it('19 of 20 responses came within the time of the slow ones only if these are more than one of twenty', () => {
  const fast = Array.from({ length: 95 }, () => 100);

  expect(quantile(durationsOf(...fast, ...Array.from({ length: 5 }, () => 3000)), 0.95)!).toBeLessThan(130);
  expect(quantile(durationsOf(...fast, ...Array.from({ length: 6 }, () => 3000)), 0.95)!).toBeGreaterThan(2000);
});

it('a response that took longer than everything is counted as well', () => {
  expect(quantile(durationsOf(10_000_000), 0.5)).toBeGreaterThan(40_000);
});
