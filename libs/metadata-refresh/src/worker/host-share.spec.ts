import { shareOf } from './host-share.js';

const here = (id: string, secondsSinceJoin = 60) => ({ id, secondsSinceJoin });

it('a single worker has the whole limit of a host', () => {
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

it('the share of a new worker is pending until the others know of it; theirs shrink at once', () => {
  const workers = [here('old'), here('new', 1)];

  expect([shareOf('old', workers, 8), shareOf('new', workers, 8)]).toEqual([4, 'pending']);
  expect(shareOf('new', [here('old'), here('new', 3)], 8)).toBe(4);
});

it('a new worker whose share will be 0 learns it at once', () => {
  expect(shareOf('new', [here('old'), here('new', 1)], 1)).toBe(0);
});

it('the share of a worker that is not a member is pending', () => {
  expect(shareOf('gone', [here('a')], 8)).toBe('pending');
});
