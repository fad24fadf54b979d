import { parseAge, parseTime } from './option-values.js';

it.each(['2026-12-01T12:00:00Z', '2026-12-01t12:00z', '2026-12-01T12:00+02:00', '2026-12-01T12:00:00.123456+02:00'])(
  'the command line reads %s as a time',
  (text) => {
    expect(parseTime(text)).toEqual(new Date(text));
  },
);

it.each([
  ['tomorrow', 'It must be a time with its zone'],
  ['2026-12-01T12:00:00', 'It must be a time with its zone'],
  ['2026-02-30T12:00:00Z', 'It must be a time with its zone'],
  ['+010000-01-01T00:00:00Z', 'It must be a time with its zone'],
  ['0000-01-01T00:00:00Z', 'It must be in the years 1 to 9999'],
  ['9999-12-31T23:59:59-01:00', 'It must be in the years 1 to 9999'],
])('the command line refuses %s as a time, before it connects', (text, message) => {
  expect(() => parseTime(text)).toThrow(message);
});

it('the command line refuses an age that leads to a time before the year 1', () => {
  const yearsAgo = (Date.now() - parseAge('700000d').getTime()) / 86_400_000;

  expect(Math.round(yearsAgo)).toBe(700_000);
  expect(() => parseAge('999999d')).toThrow('before the year 1');
});
