import type { TokenAge } from '@app/token-store';

/** How often the tokens of a collection are looked at, in steps that are spread evenly over the time between. */
export const STEP_SECONDS = 60;
/** After a longer stop, missed steps are not made up for. */
const MAX_ELAPSED_SECONDS = 600;
const MAX_STEP_TOKENS = 10_000;

/** All tokens are looked at twice in `refreshEvery`, since those that change are refreshed twice as often. */
const LOOKS = 2;
/** The longest time since a change, and how often a token is refreshed then, both as multiples of `refreshEvery`. */
const INTERVALS = [
  { unchangedFor: 1, interval: 0.5 },
  { unchangedFor: 4, interval: 1 },
  { unchangedFor: 8, interval: 2 },
  { unchangedFor: 16, interval: 4 },
  { unchangedFor: Infinity, interval: 8 },
] as const;

/** How many tokens one step looks at. */
export function sizeOfStep(tokens: number, refreshEverySeconds: number, elapsedSeconds: number): number {
  const share = (Math.min(elapsedSeconds, MAX_ELAPSED_SECONDS) * LOOKS) / refreshEverySeconds;
  return Math.min(MAX_STEP_TOKENS, Math.ceil(tokens * share));
}

/**
 * Whether to refresh a token at this look: the one nearest to the end of its interval. Burned tokens are never due, tokens without a
 * fetch always.
 */
export function isDue(
  { lastAttemptAt, changedAt, burnedAt }: TokenAge,
  refreshEverySeconds: number,
  now: Date,
): boolean {
  if (burnedAt) return false;
  if (!lastAttemptAt) return true;
  const secondsSince = (time: Date) => (now.getTime() - time.getTime()) / 1000;
  const unchangedFor = changedAt ? secondsSince(changedAt) / refreshEverySeconds : 1;
  const { interval } = INTERVALS.find((one) => unchangedFor < one.unchangedFor)!;
  return secondsSince(lastAttemptAt) >= refreshEverySeconds * (interval - 0.5 / LOOKS);
}
