import { exponentialDelay } from '@app/safe-http';

/** Between two tries while the database refuses: doubled from the first to the longest. */
const MIN_DELAY_MS = 500;
const MAX_DELAY_MS = 2000;
/** A failure that lasts is logged once in this time. */
const LOG_INTERVAL_MS = 60_000;

/**
 * Back-off while the database is unavailable: retries become less frequent, and the same failure is not logged over and
 * over. It ends when every operation that failed has succeeded again.
 */
export class DatabaseBackoff {
  private failures = 0;
  private retryAt = 0;
  private readonly loggedAt = new Map<string, number>();

  /** Time until the next attempt; 0 without failures. */
  remainingMs(now?: number): number {
    if (this.retryAt === 0) return 0;
    return Math.max(0, this.retryAt - (now ?? performance.now()));
  }

  /** Returns whether the failure should be logged. */
  recordFailure(what: string, now = performance.now()): boolean {
    // Operations that fail together count as one failure.
    if (this.remainingMs(now) === 0) {
      this.failures += 1;
      this.retryAt = now + exponentialDelay(this.failures, { base: MIN_DELAY_MS, max: MAX_DELAY_MS });
    }
    const loggedAt = this.loggedAt.get(what);
    if (loggedAt !== undefined && now - loggedAt < LOG_INTERVAL_MS) return false;
    this.loggedAt.set(what, now);
    return true;
  }

  /** Returns whether this was the last operation that had failed. */
  recordSuccess(what: string): boolean {
    if (!this.loggedAt.delete(what) || this.loggedAt.size > 0) return false;
    this.failures = 0;
    this.retryAt = 0;
    return true;
  }
}
