import { isDue, sizeOfStep } from './round.js';

const HOUR = 3600;
const now = new Date('2026-11-30T12:00:00Z');
const ago = (hours: number) => new Date(now.getTime() - hours * HOUR * 1000);
const token = (attempted: number | null, changed: number | null, burned = false) => ({
  tokenId: '1',
  lastAttemptAt: attempted === null ? null : ago(attempted),
  changedAt: changed === null ? null : ago(changed),
  burnedAt: burned ? ago(1) : null,
});

it.each([
  ['changed in this round, and was fetched half a round ago', token(0.5, 0.5), true],
  ['changed in this round, and was fetched just now', token(0.1, 0.5), false],
  ['changed two rounds ago, and was fetched half a round ago', token(0.5, 2), false],
  ['changed two rounds ago, and was fetched a round ago', token(1, 2), true],
  ['changed five rounds ago, and was fetched a round ago', token(1, 5), false],
  ['changed five rounds ago, and was fetched two rounds ago', token(2, 5), true],
  ['changed a hundred rounds ago, and was fetched seven rounds ago', token(7, 100), false],
  ['changed a hundred rounds ago, and was fetched eight rounds ago', token(8, 100), true],
  ['has never had a document, and was tried a round ago', token(1, null), true],
  ['was never fetched', token(null, null), true],
  ['was burned', token(50, 50, true), false],
])('whether a token is refreshed by age that %s', (_, age, expected) => {
  expect(isDue(age, HOUR, now)).toBe(expected);
});

it.each([
  [1000, 60, 34],
  [1000, 3600, 334],
  [1_000_000, 60, 10_000],
  [1, 60, 1],
  [0, 60, 0],
])('of %i tokens, a step after %i seconds looks at %i', (tokens, elapsed, expected) => {
  expect(sizeOfStep(tokens, HOUR, elapsed)).toBe(expected);
});
