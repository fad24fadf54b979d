import { retrySeconds } from './subscriber.js';

it('doubles the pause with each try, up to the cap', () => {
  const pauses = [1, 2, 3, 4, 10, 11, 12, 100].map((attempt) => retrySeconds(attempt, 5, 3600, 0));

  expect(pauses).toEqual([5, 10, 20, 40, 2560, 3600, 3600, 3600]);
});

it('spreads what failed together over up to a quarter more', () => {
  expect(retrySeconds(1, 8, 3600, 0.5)).toBe(9);
  expect(retrySeconds(20, 5, 3600, 1)).toBe(4500);
});
