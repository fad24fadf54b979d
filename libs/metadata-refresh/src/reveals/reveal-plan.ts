import type { RevealPlan } from './reveal.js';
import { InvalidReveal } from './reveals.errors.js';

const DEFAULT_MAX_AGE_SECONDS = 86_400;
const MIN_MAX_AGE_SECONDS = 60;
const MAX_MAX_AGE_SECONDS = 30 * 86_400;
/** The clock of a caller may be behind, and a request takes time. */
const PAST_TOLERANCE_MS = 60_000;

/** A plan with all of its parts. */
export interface CheckedPlan {
  publish: 'manual' | 'when_complete' | 'at';
  publishAt: Date | null;
  minSucceeded: number;
  maxAgeSeconds: number;
}

/** Throws InvalidReveal. */
export function checkPlan({
  publish = 'manual',
  minSucceeded = 1,
  maxAgeSeconds = DEFAULT_MAX_AGE_SECONDS,
}: RevealPlan): CheckedPlan {
  checkMinSucceeded(minSucceeded);
  if (!(maxAgeSeconds >= MIN_MAX_AGE_SECONDS && maxAgeSeconds <= MAX_MAX_AGE_SECONDS)) {
    throw new InvalidReveal(`A reveal can wait for 60 seconds to 30 days; ${maxAgeSeconds} seconds are out of range.`);
  }
  const publishAt = typeof publish === 'object' ? publish.at : null;
  return { publish: typeof publish === 'object' ? 'at' : publish, publishAt, minSucceeded, maxAgeSeconds };
}

/** Throws InvalidReveal. */
export function checkMinSucceeded(minSucceeded: number): void {
  if (minSucceeded > 0 && minSucceeded <= 1) return;
  throw new InvalidReveal(`min_succeeded must be above 0 and at most 1; ${minSucceeded} is not.`);
}

/** When a reveal is to be published, by the clock of the database. Throws InvalidReveal. */
export function checkTime(at: Date, { now, expiresAt }: { now: string; expiresAt: string }): void {
  if (at.getTime() < Date.parse(now) - PAST_TOLERANCE_MS) {
    throw new InvalidReveal(`A reveal cannot be published in the past: ${at.toISOString()} is over.`);
  }
  if (at.getTime() > Date.parse(expiresAt)) {
    throw new InvalidReveal(
      `The reveal expires at ${expiresAt}, before ${at.toISOString()}: choose an earlier time, or create it with a longer max_age.`,
    );
  }
}
