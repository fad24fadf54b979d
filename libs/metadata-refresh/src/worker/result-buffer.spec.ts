import type { ItemResult } from '../completion/item-result.js';
import { aClaimedItem, aClaimedToken } from '../queue/claimed-token.fixtures.js';
import { ResultBuffer } from './result-buffer.js';

/** What one fetch has settled: of so many items, with a document of so many bytes. */
function fetched(items: number, bytes = 1000): ItemResult[] {
  const token = aClaimedToken();
  const request = { url: '', outcome: 'fetched', statusCode: 200, reason: null, durationMs: 1, bytes } as const;
  return Array.from({ length: items }, (_, index) => ({
    item: aClaimedItem({ chunkId: `${index}` }),
    token,
    requests: index === 0 ? [request] : [],
    status: 'retry',
    delaySeconds: 1,
  }));
}
const sizes = (results: ResultBuffer, most: number) => {
  const all: number[] = [];
  while (results.count > 0) all.push(results.take(most).length);
  return all;
};

it('a batch has as many results as it may have, and does not split those of one fetch', () => {
  const results = new ResultBuffer();
  for (const items of [3, 3, 3, 1]) results.add(fetched(items), 0);

  expect(sizes(results, 5)).toEqual([3, 3, 4]);
});

it('the results of one fetch are split only when a batch cannot have them all', () => {
  const results = new ResultBuffer();
  results.add(fetched(1), 0);
  results.add(fetched(12), 0);
  results.add(fetched(1), 0);

  expect(sizes(results, 5)).toEqual([1, 5, 5, 3]);
});

it('a batch of a megabyte takes no further results, and batches being written count as backpressure', () => {
  const results = new ResultBuffer();
  for (let document = 0; document < 5; document += 1) results.add(fetched(1, 1_000_000), 0);

  const first = results.take(100);
  const heavyMeanwhile = results.isBackpressured;
  results.acknowledge(first);

  expect([first.length, heavyMeanwhile, results.isBackpressured]).toEqual([2, true, false]);
});

it('a batch that could not be written comes first again, and does not linger', () => {
  const results = new ResultBuffer();
  for (let document = 0; document < 5; document += 1) results.add(fetched(1, 1_000_000), 7);
  const first = results.take(100);
  const others = results.waitingSince;

  results.putBack(first);

  expect([others, results.waitingSince, results.count, results.isBackpressured]).toEqual([7, -Infinity, 5, true]);
  expect(results.take(100)).toEqual(first);
});
