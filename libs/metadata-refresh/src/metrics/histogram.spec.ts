import { Histogram, Histograms } from './histogram.js';

it('a histogram counts values up to each bound, the bound included, and sums them all', () => {
  const histogram = new Histogram([1, 10]);
  for (const value of [0, 1, 1.5, 10, 11]) histogram.record(value);

  expect(histogram.read()).toEqual({
    buckets: [
      { bound: 1, count: 2 },
      { bound: 10, count: 4 },
    ],
    count: 5,
    sum: 23.5,
  });
});

it('histograms by name count the values of each name, and have none for names without values', () => {
  const histograms = new Histograms<'slow' | 'fast' | 'other'>([1]);
  histograms.record('fast', 0.5);
  histograms.record('slow', 2);

  expect([...histograms.read()].map(([name, { count, sum }]) => [name, count, sum])).toEqual([
    ['fast', 1, 0.5],
    ['slow', 1, 2],
  ]);
});
