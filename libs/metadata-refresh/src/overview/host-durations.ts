/**
 * How many responses took how long. Element n counts those of up to 2^(n/2) milliseconds, the last one all others: 33 numbers tell
 * how long half of them took to within a fifth, and those of several workers and minutes can be added.
 */
export type Durations = number[];

const BUCKETS = 33;

export function noDurations(): Durations {
  return Array.from({ length: BUCKETS }, () => 0);
}

export function addDuration(durations: Durations, milliseconds: number): void {
  const bucket = milliseconds <= 1 ? 0 : Math.ceil(2 * Math.log2(milliseconds));
  durations[Math.min(bucket, BUCKETS - 1)]! += 1;
}

/** The time within which this part of the responses came, in milliseconds; null: there were none. */
export function quantile(durations: readonly number[], part: number): number | null {
  const total = durations.reduce((sum, count) => sum + count, 0);
  if (total === 0) return null;
  let before = 0;
  for (const [bucket, count] of durations.entries()) {
    if (count > 0 && before + count >= part * total) {
      const [lower, upper] = [bucket === 0 ? 0 : 2 ** ((bucket - 1) / 2), 2 ** (bucket / 2)];
      return Math.max(1, Math.round(lower + ((part * total - before) / count) * (upper - lower)));
    }
    before += count;
  }
  return null;
}
