import { exponentialDelay } from '@app/safe-http';

/** Between two tries while the database refuses: doubled from the first to the longest. */
const FIRST_REST_MS = 500;
const LONGEST_REST_MS = 2000;
/** What goes on for hours is logged once in this time. */
const LOG_EVERY_MS = 60_000;

/**
 * While the database is away: a worker asks it less and less often, and does not fill the log with the same line. It is
 * over when everything that had failed has worked again.
 */
export class Setback {
  private failures = 0;
  private restsUntil = 0;
  private readonly loggedAt = new Map<string, number>();

  /** How long to wait before the next try; 0 when nothing is wrong. */
  remainingMs(now = performance.now()): number {
    return Math.max(0, this.restsUntil - now);
  }

  /** Something failed. Returns whether that is worth a line in the log. */
  note(what: string, now = performance.now()): boolean {
    // Several things that fail together are one setback.
    if (this.remainingMs(now) === 0) {
      this.failures += 1;
      this.restsUntil = now + exponentialDelay(this.failures, { base: FIRST_REST_MS, max: LONGEST_REST_MS });
    }
    const loggedAt = this.loggedAt.get(what);
    if (loggedAt !== undefined && now - loggedAt < LOG_EVERY_MS) return false;
    this.loggedAt.set(what, now);
    return true;
  }

  /** Something worked. Returns whether that was the last thing that had failed. */
  end(what: string): boolean {
    if (!this.loggedAt.delete(what) || this.loggedAt.size > 0) return false;
    this.failures = 0;
    this.restsUntil = 0;
    return true;
  }
}
