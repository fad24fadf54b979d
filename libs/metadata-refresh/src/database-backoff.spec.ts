import { DatabaseBackoff } from './database-backoff.js';

it('the database back-off grows with each failure up to two seconds, and ends with a success', () => {
  const backoff = new DatabaseBackoff();
  const delays: number[] = [];
  let now = 1000;

  for (let time = 0; time < 4; time += 1) {
    backoff.recordFailure('claim', now);
    delays.push(backoff.remainingMs(now));
    now += backoff.remainingMs(now);
  }
  backoff.recordFailure('claim', now);
  backoff.recordSuccess('claim');

  expect(delays).toEqual([500, 1000, 2000, 2000]);
  expect(backoff.remainingMs(now)).toBe(0);
});

it('failures of the database that happen together count as one', () => {
  const backoff = new DatabaseBackoff();

  backoff.recordFailure('claim', 1000);
  backoff.recordFailure('write', 1100);

  expect(backoff.remainingMs(1100)).toBe(400);
});

it('the database back-off ends when every failed operation has succeeded again', () => {
  const backoff = new DatabaseBackoff();
  backoff.recordFailure('claim', 1000);
  backoff.recordFailure('write', 1000);

  const ends = [
    backoff.recordSuccess('claim'),
    backoff.recordSuccess('claim'),
    backoff.recordSuccess('fetch'),
    backoff.recordSuccess('write'),
  ];

  expect(ends).toEqual([false, false, false, true]);
  expect(backoff.remainingMs(1000)).toBe(0);
});

it('each kind of database failure is logged once a minute, and again after a success', () => {
  const backoff = new DatabaseBackoff();

  const logged = [
    backoff.recordFailure('claim', 1000),
    backoff.recordFailure('claim', 2000),
    backoff.recordFailure('write', 2000),
    backoff.recordFailure('claim', 61_000),
  ];
  backoff.recordSuccess('claim');

  expect(logged).toEqual([true, false, true, true]);
  expect(backoff.recordFailure('claim', 62_000)).toBe(true);
});
