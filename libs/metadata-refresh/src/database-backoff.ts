import { exponentialDelay } from '@app/safe-http';

/** Between two tries while the database refuses: doubled from the first to the longest. */
const MIN_DELAY_MS = 500;
const MAX_DELAY_MS = 2000;
/** What goes on for hours is logged once in this time. */
const LOG_INTERVAL_MS = 60_000;

/**
 * While the database is away: a worker asks it less and less often, and does not fill the log with the same line. It is
 * over when everything that had failed has worked again.
 */
export class DatabaseBackoff {
  private failures = 0;
  private retryAt = 0;
  private readonly loggedAt = new Map<string, number>();

  /** How long to wait before the next try; 0 when nothing is wrong. */
  remainingMs(now = performance.now()): number {
    return Math.max(0, this.retryAt - now);
  }

  /** Something failed. Returns whether that is worth a line in the log. */
  recordFailure(what: string, now = performance.now()): boolean {
    // Several things that fail together are one backoff.
    if (this.remainingMs(now) === 0) {
      this.failures += 1;
      this.retryAt = now + exponentialDelay(this.failures, { base: MIN_DELAY_MS, max: MAX_DELAY_MS });
    }
    const loggedAt = this.loggedAt.get(what);
    if (loggedAt !== undefined && now - loggedAt < LOG_INTERVAL_MS) return false;
    this.loggedAt.set(what, now);
    return true;
  }

  /** Something worked. Returns whether that was the last thing that had failed. */
  recordSuccess(what: string): boolean {
    if (!this.loggedAt.delete(what) || this.loggedAt.size > 0) return false;
    this.failures = 0;
    this.retryAt = 0;
    return true;
  }
}
