import {
  formatAbout,
  formatAge,
  formatAgo,
  formatAt,
  formatClockOn,
  formatDay,
  formatOnDay,
  formatDuration,
  formatTook,
  formatWhen,
  timeLeft,
  withLocalTimes,
} from './times.js';

const NOW = new Date(2026, 10, 20, 14, 6, 14).getTime();
const iso = (...date: [number, number, number, number, number]) => new Date(...date).toISOString();

it('a duration is exact to the second below an hour', () => {
  expect([0, 26, 60, 260, 3600, 7810, 400_000].map(formatDuration)).toEqual([
    '0 s',
    '26 s',
    '1 min',
    '4 min 20 s',
    '1 h',
    '2 h 10 min',
    '4 days',
  ]);
});

it('what took less than a second did not take none', () => {
  expect([0, 0.9, 1, 61].map(formatTook)).toEqual(['< 1 s', '< 1 s', '1 s', '1 min 1 s']);
});

it('an estimate promises no more than it knows', () => {
  expect([0.2, 32.4, 130, 7200, 400_000].map(formatAbout)).toEqual([
    'about 1 s',
    'about 32 s',
    'about 2 min',
    'about 2 h',
    'about 5 days',
  ]);
});

it('an age is one number, and never negative', () => {
  expect([-3, 4, 65, 8000, 200_000].map(formatAge)).toEqual(['0 s', '4 s', '1 min', '2 h', '2 d']);
  expect([0.42, 12, -1].map(formatAgo)).toEqual(['0.4 s ago', '12 s ago', '0.0 s ago']);
});

it('a time has its day if it is not today', () => {
  expect(formatWhen(iso(2026, 10, 20, 9, 15), NOW)).toBe('09:15');
  expect(formatWhen(iso(2026, 10, 12, 9, 15), NOW)).toBe('12 Nov, 09:15');
  expect(formatWhen(iso(2025, 2, 3, 9, 15), NOW)).toBe('3 Mar 2025');
  expect(formatDay(iso(2026, 10, 12, 9, 15), NOW)).toBe('12 Nov');
  expect(formatDay(iso(2026, 10, 20, 9, 15), NOW)).toBe('09:15 today');
  expect(formatAt(iso(2026, 10, 20, 9, 15), NOW)).toBe('at 09:15');
  expect(formatAt(iso(2026, 10, 12, 9, 15), NOW)).toBe('on 12 Nov at 09:15');
  expect(formatAt(iso(2025, 2, 3, 9, 15), NOW)).toBe('on 3 Mar 2025 at 09:15');
  expect(formatClockOn(iso(2026, 10, 20, 9, 15), NOW)).toBe('09:15:00');
  expect(formatClockOn(iso(2025, 2, 3, 9, 15), NOW)).toBe('3 Mar 2025, 09:15:00');
  expect(formatOnDay(iso(2026, 10, 12, 9, 15), NOW)).toBe('on 12 Nov');
  expect(formatOnDay(iso(2026, 10, 20, 9, 15), NOW)).toBe('at 09:15 today');
});

it('the time left has the cooldown of the host in it', () => {
  const cooldownUntil = new Date(NOW + 26_000).toISOString();

  expect(timeLeft({ pending: 2688, perSecond: 84, cooldownUntil }, NOW)).toEqual({
    cooldownSeconds: 26,
    tokensSeconds: 32,
  });
});

it('without a speed there is no time left, and a cooldown that is over counts nothing', () => {
  const over = new Date(NOW - 1000).toISOString();

  expect(timeLeft({ pending: 5, perSecond: null, cooldownUntil: over }, NOW)).toEqual({
    cooldownSeconds: 0,
    tokensSeconds: null,
  });
  expect(timeLeft({ pending: 5, perSecond: 0, cooldownUntil: null }, NOW).tokensSeconds).toBeNull();
});

it('times in sentences are shown on the clock of the viewer', () => {
  const time = new Date(2026, 10, 20, 14, 6, 40);

  expect(withLocalTimes(`Fetched after ${time.toISOString()}.`, NOW)).toBe('Fetched after 14:06:40.');
  expect(withLocalTimes(`It begins at ${iso(2026, 10, 21, 9, 15)}.`, NOW)).toBe('It begins at 21 Nov, 09:15:00.');
  expect(withLocalTimes('No time here: 2026-11-20.', NOW)).toBe('No time here: 2026-11-20.');
});
