import { Setback } from './setback.js';

it('rests longer with each failure, two seconds at most, and not at all after a success', () => {
  const setback = new Setback();
  const rests: number[] = [];
  let now = 1000;

  for (let time = 0; time < 4; time += 1) {
    setback.note('claim', now);
    rests.push(setback.remainingMs(now));
    now += setback.remainingMs(now);
  }
  setback.note('claim', now);
  setback.end('claim');

  expect(rests).toEqual([500, 1000, 2000, 2000]);
  expect(setback.remainingMs(now)).toBe(0);
});

it('counts failures that come together as one', () => {
  const setback = new Setback();

  setback.note('claim', 1000);
  setback.note('write', 1100);

  expect(setback.remainingMs(1100)).toBe(400);
});

it('is over when everything that failed has worked again', () => {
  const setback = new Setback();
  setback.note('claim', 1000);
  setback.note('write', 1000);

  const ends = [setback.end('claim'), setback.end('claim'), setback.end('fetch'), setback.end('write')];

  expect(ends).toEqual([false, false, false, true]);
  expect(setback.remainingMs(1000)).toBe(0);
});

it('logs each line once a minute, and again after a success', () => {
  const setback = new Setback();

  const logged = [
    setback.note('claim', 1000),
    setback.note('claim', 2000),
    setback.note('write', 2000),
    setback.note('claim', 61_000),
  ];
  setback.end('claim');

  expect(logged).toEqual([true, false, true, true]);
  expect(setback.note('claim', 62_000)).toBe(true);
});
