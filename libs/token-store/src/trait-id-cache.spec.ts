import { TraitIdCache } from './trait-id-cache.js';

it('the cache of trait ids is bounded: it drops what was not used for long, and keeps what is used', () => {
  const cache = new TraitIdCache();
  cache.set('used', 1);
  cache.set('unused', 2);

  const lookups = new Set<number | undefined>();
  for (let id = 10; id < 100_000; id += 1) {
    cache.set(`value ${id}`, id);
    if (id % 1000 === 0) lookups.add(cache.get('used'));
  }

  expect([...lookups]).toEqual([1]);
  expect(cache.get('unused')).toBeUndefined();
  expect(cache.get('value 10')).toBeUndefined();
  expect(cache.get('value 99999')).toBe(99_999);
});

it('the cache of trait ids does not hold long values', () => {
  const cache = new TraitIdCache();

  cache.set('x'.repeat(1000), 1);

  expect(cache.get('x'.repeat(1000))).toBeUndefined();
});
