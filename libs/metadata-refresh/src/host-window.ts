/** How one request went, as far as it says how much its host can bear. */
export type HostSignal =
  /** An answer, whatever it was. */
  | 'answered'
  /** 429 or 503. */
  | 'throttled'
  | 'timed_out'
  /** No answer for another reason: says nothing about the host's load. */
  | 'failed';

/** What a host may have at first, if its limit allows it: enough to notice how it answers. */
const FIRST = 8;
/** An answer within this, or within twice what the fastest one took, is fast. In milliseconds. */
const FAST_MS = 100;
/** The fastest answer is remembered less with each further one, should the host have become slower for good. */
const FORGETTING = 1.005;
/** After so many timeouts in a row, each further one is followed by a rest. */
const TIMEOUTS_BEFORE_REST = 5;
const REST_MS = 1000;

/**
 * How many requests this process has open at one host: additive increase, multiplicative decrease, as TCP does it.
 * It doubles in each round of fast answers until the first sign of trouble, grows by one a round after that, and is
 * halved by 429, 503 and timeouts. Times are of a monotonic clock, in milliseconds.
 */
export class HostWindow {
  private size = FIRST;
  private isDoubling = true;
  private usualMs: number | null = null;
  private leastMs = Infinity;
  private lastCutAt = -Infinity;
  private timeoutsInARow = 0;
  private restsUntil = -Infinity;

  /** Requests that may be open now, of at most `limit`. */
  slots(limit: number, now: number): number {
    if (now < this.restsUntil) return 0;
    return Math.min(limit, Math.max(1, Math.floor(this.size)));
  }

  /** How long an answer takes, on average of the latest ones; a guess before the first. */
  get answerMs(): number {
    return this.usualMs ?? FAST_MS;
  }

  /**
   * Takes in how a request went that was begun at `startedAt`, with `open` requests of this process at its host.
   * `limit` is this process's share.
   */
  note(signal: HostSignal, request: { startedAt: number; endedAt: number; open: number; limit: number }): void {
    this.timeoutsInARow = signal === 'timed_out' ? this.timeoutsInARow + 1 : 0;
    switch (signal) {
      case 'answered':
        return this.grow(request);
      case 'throttled':
        return this.cut(request);
      case 'timed_out':
        if (this.timeoutsInARow > TIMEOUTS_BEFORE_REST) this.restsUntil = request.endedAt + REST_MS;
        return this.cut(request);
      case 'failed':
    }
  }

  private grow(request: { startedAt: number; endedAt: number; open: number; limit: number }): void {
    const tookMs = request.endedAt - request.startedAt;
    this.leastMs = Math.min(tookMs, this.leastMs * FORGETTING);
    const isFast = tookMs <= Math.max(FAST_MS, 2 * this.leastMs);
    this.usualMs = this.usualMs === null ? tookMs : this.usualMs + (tookMs - this.usualMs) / 16;
    // What is not used up says nothing about more.
    const used = this.isDoubling ? this.size / 2 : Math.floor(this.size) - 1;
    if (!isFast || request.open < used || this.size >= request.limit) return;
    this.size = Math.min(request.limit, this.size + (this.isDoubling ? 1 : 1 / this.size));
  }

  /** Once a round: of requests that were begun before the last cut, nothing new is learned. */
  private cut({ startedAt, endedAt, limit }: { startedAt: number; endedAt: number; limit: number }): void {
    this.isDoubling = false;
    if (startedAt < this.lastCutAt) return;
    this.lastCutAt = endedAt;
    this.size = Math.max(1, Math.min(this.size, limit) / 2);
  }
}
