import { Injectable } from '@nestjs/common';

/** No pause is longer: the host of an interactive refresh may hang. */
const MAX_PAUSE_MS = 250;
/** Of all time, the part that may be paused, and how much of it can be saved up. */
const PAUSED_PART = 1 / 2;
const MAX_CREDIT_MS = 3000;
/** For so long after an interactive refresh the next one is expected. */
const RECENT_MS = 5000;

/**
 * Bulk work of this process pauses while an interactive refresh is accepted and processed: nothing is claimed, fetched or
 * written for other refreshes, since both need the same event loop, processors and database. A pause ends when the
 * interactive results are written, after 250 ms at the latest. However many interactive refreshes there are, bulk work keeps
 * half of the time: pauses use up a credit that grows by half a millisecond each millisecond, to 3 seconds. Times are of a
 * monotonic clock, in milliseconds.
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
    this.creditMs = Math.min(MAX_CREDIT_MS, this.creditMs + (now - this.creditedAt) * PAUSED_PART);
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

  /** How long bulk work still has to wait; 0 when it may go on. */
  remainingMs(now = performance.now()): number {
    return Math.max(0, this.endsAt - now);
  }

  /** Whether an interactive refresh was requested a moment ago. */
  isRecent(now = performance.now()): boolean {
    return now - this.requestedAt < RECENT_MS;
  }
}
