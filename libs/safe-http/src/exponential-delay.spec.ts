import { exponentialDelay } from './exponential-delay.js';

it.each([
  [1, 2],
  [2, 4],
  [3, 8],
  [4, 10],
  [5000, 10],
])('after %i failures in a row, back-off from 2 with a maximum of 10 waits %i', (failures, delay) => {
  expect(exponentialDelay(failures, { base: 2, max: 10 })).toBe(delay);
});

it.each([
  [0, 10],
  [0.5, 11.25],
  [1, 12.5],
])('jitter of a quarter with the random number %d makes a back-off of 10 wait %d', (random, delay) => {
  expect(exponentialDelay(9, { base: 2, max: 10, jitter: 1 / 4, random })).toBe(delay);
});
