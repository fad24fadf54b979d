// Statistics, timing and token ids for all benchmarks.
export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** The smallest of the values that `percent` of them do not exceed. */
export function percentile(values, percent) {
  return values.toSorted((a, b) => a - b)[Math.ceil((values.length * percent) / 100) - 1];
}

/** The median of the rounds' ratios: load that affects both sides of a round cancels out. */
export function medianRatio(values, baseline) {
  return median(values.map((value, round) => value / baseline[round]));
}

export async function timed(work) {
  const startedAt = performance.now();
  const result = await work();
  return { milliseconds: performance.now() - startedAt, result };
}

export const sleep = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

/** `count` consecutive ids as strings. */
export const tokenIds = (count, from = 1) => Array.from({ length: count }, (_, at) => String(from + at));

export function chunks(values, size) {
  return Array.from({ length: Math.ceil(values.length / size) }, (_, at) => values.slice(at * size, (at + 1) * size));
}
