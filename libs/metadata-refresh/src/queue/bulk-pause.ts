import { Injectable } from '@nestjs/common';

/** Maximum length of a pause: the host of an interactive refresh may hang. */
const MAX_PAUSE_MS = 250;
/** The fraction of time that may be paused, and the maximum credit that can accumulate. */
const PAUSED_FRACTION = 1 / 2;
const MAX_CREDIT_MS = 3000;
/** For this long after an interactive refresh, the next one is expected. */
const RECENT_MS = 5000;

/**
 * Pauses the bulk work of this process while an interactive refresh is accepted and processed: nothing is claimed, fetched
 * or written for other refreshes, because both need the same event loop, CPU cores and database. A pause ends when the
 * interactive results are written, after 250 ms at the latest. Bulk work keeps half of the time, however many interactive
 * refreshes arrive: pauses consume a credit that grows by half a millisecond each millisecond, up to 3 seconds. Times are
 * on a monotonic clock, in milliseconds.
 */
@Injectable()
export class BulkPause {
  private endsAt = -Infinity;
  private requestedAt = -Infinity;
  private creditMs = MAX_CREDIT_MS;
  private creditedAt = 0;

  /** An interactive refresh is being accepted, or is due. */
  request(now = performance.now()): void {
    this.requestedAt = now;
    if (this.remainingMs(now) > 0) return;
    this.creditMs = Math.min(MAX_CREDIT_MS, this.creditMs + (now - this.creditedAt) * PAUSED_FRACTION);
    this.creditedAt = now;
    if (this.creditMs < MAX_PAUSE_MS) return;
    this.creditMs -= MAX_PAUSE_MS;
    this.endsAt = now + MAX_PAUSE_MS;
  }

  /** Interactive results are written, and no more are expected. */
  end(now = performance.now()): void {
    this.creditMs += this.remainingMs(now);
    this.endsAt = Math.min(this.endsAt, now);
  }

  /** Remaining time of the pause; 0 without one. */
  remainingMs(now = performance.now()): number {
    return Math.max(0, this.endsAt - now);
  }

  /** Whether an interactive refresh was requested recently. */
  isRecent(now = performance.now()): boolean {
    return now - this.requestedAt < RECENT_MS;
  }
}
