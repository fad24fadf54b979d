import { isStorableTime } from './storable-time.js';

it.each([
  ['2026-12-01T12:00:00Z', true],
  ['0001-01-01T00:00:00Z', true],
  ['9999-12-31T23:59:59.999Z', true],
  ['0000-12-31T23:59:59Z', false],
  ['0001-01-01T00:00:00+00:01', false],
  ['9999-12-31T23:59:00-00:01', false],
  ['-000043-03-15T12:00:00Z', false],
  ['+010000-01-01T00:00:00Z', false],
  ['no time', false],
])('whether PostgreSQL reads the time %s as JavaScript writes it: %s', (text, expected) => {
  expect(isStorableTime(new Date(text))).toBe(expected);
});
