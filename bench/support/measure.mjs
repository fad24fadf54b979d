// Small arithmetic that every benchmark shares.
export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Of each round's ratio, the median: what both sides of a round suffered together cancels out. */
export function medianRatio(ours, theirs) {
  return median(ours.map((value, round) => value / theirs[round]));
}

export async function timed(work) {
  const startedAt = performance.now();
  const result = await work();
  return { milliseconds: performance.now() - startedAt, result };
}

export const sleep = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

/** "1" to "count". */
export const tokenIds = (count, from = 1) => Array.from({ length: count }, (_, at) => String(from + at));

export function chunks(values, size) {
  return Array.from({ length: Math.ceil(values.length / size) }, (_, at) => values.slice(at * size, (at + 1) * size));
}
