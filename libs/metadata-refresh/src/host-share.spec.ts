import { shareOf } from './host-share.js';

const here = (id: string, secondsHere = 60) => ({ id, secondsHere });

it('one worker has all of what a host takes at once', () => {
  expect(shareOf('a', [here('a', 0)], 8)).toBe(8);
});

it.each([
  [8, 1],
  [8, 2],
  [8, 3],
  [8, 8],
  [3, 8],
  [1, 2],
])('a limit of %i among %i workers is shared out exactly', (limit, count) => {
  const workers = Array.from({ length: count }, (_, index) => here(String(index)));
  const shares = workers.map(({ id }) => Number(shareOf(id, workers, limit)));

  expect(shares.reduce((sum, share) => sum + share)).toBe(limit);
  expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(1);
});

it('a newcomer waits until the others have heard of it; they make room at once', () => {
  const workers = [here('old'), here('new', 1)];

  expect([shareOf('old', workers, 8), shareOf('new', workers, 8)]).toEqual([4, 'later']);
  expect(shareOf('new', [here('old'), here('new', 3)], 8)).toBe(4);
});

it('a newcomer for which nothing will be left hears so at once', () => {
  expect(shareOf('new', [here('old'), here('new', 1)], 1)).toBe(0);
});

it('a worker that is not among them has nothing yet', () => {
  expect(shareOf('gone', [here('a')], 8)).toBe('later');
});
