import { retrySeconds } from './subscriber.js';

it('the delay before a delivery is retried doubles with each attempt, up to the maximum', () => {
  const delays = [1, 2, 3, 4, 10, 11, 12, 100].map((attempt) => retrySeconds(attempt, 5, 3600, 0));

  expect(delays).toEqual([5, 10, 20, 40, 2560, 3600, 3600, 3600]);
});

it('jitter adds up to a quarter to the delay before a delivery is retried', () => {
  expect(retrySeconds(1, 8, 3600, 0.5)).toBe(9);
  expect(retrySeconds(20, 5, 3600, 1)).toBe(4500);
});
