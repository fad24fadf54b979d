export interface ExponentialDelay {
  /** The delay after the first failure, in any unit; the result has the same. */
  base: number;
  /** The longest delay, before jitter. */
  max?: number;
  /** Share of the delay that jitter adds at random, so that clients that failed together do not retry together. */
  jitter?: number;
  random?: number;
}

/** Exponential back-off: how long to wait after this many failures in a row, at least one. Doubles with each failure. */
export function exponentialDelay(
  failures: number,
  { base, max = Infinity, jitter = 0, random = Math.random() }: ExponentialDelay,
): number {
  return Math.min(max, base * 2 ** (failures - 1)) * (1 + jitter * random);
}
