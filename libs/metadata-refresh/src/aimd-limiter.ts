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
/** So many timeouts in a row with one request at a time: fewer requests do not help this host. */
const TIMEOUTS_IN_VAIN = 3;

/**
 * How many requests this process has open at one host: additive increase, multiplicative decrease, as TCP does it.
 * It doubles in each round of fast answers until the first sign of trouble, grows by one a round after that, and is
 * halved by 429, 503 and timeouts. A host that times out with a single request too is not overloaded by us, it hangs: it
 * has half of its limit then, so that a refresh ends, until it answers. Times are of a monotonic clock, in milliseconds.
 */
export class AimdLimiter {
  private size = FIRST;
  private isSlowStart = true;
  private ewmaMs: number | null = null;
  private minMs = Infinity;
  private decreasedAt = -Infinity;
  /** In a row, with a single request open. */
  private soloTimeouts = 0;

  /** Requests that may be open now, of at most `limit`. */
  limitWithin(limit: number): number {
    const size = this.hangs() ? Math.max(this.size, limit / 2) : this.size;
    return Math.min(limit, Math.max(1, Math.floor(size)));
  }

  /** How long an answer takes, on average of the latest ones; a guess before the first. */
  get responseMs(): number {
    return this.ewmaMs ?? FAST_MS;
  }

  /**
   * Takes in how a request went that was begun at `startedAt`, with `open` requests of this process at its host.
   * `limit` is this process's share.
   */
  onSample(signal: HostSignal, request: { startedAt: number; endedAt: number; open: number; limit: number }): void {
    switch (signal) {
      case 'answered':
        this.soloTimeouts = 0;
        return this.increase(request);
      case 'throttled':
        this.soloTimeouts = 0;
        return this.decrease(request);
      case 'timed_out':
        if (this.size === 1 && request.startedAt >= this.decreasedAt) this.soloTimeouts += 1;
        return this.decrease(request);
      case 'failed':
    }
  }

  private hangs(): boolean {
    return this.soloTimeouts >= TIMEOUTS_IN_VAIN;
  }

  private increase(request: { startedAt: number; endedAt: number; open: number; limit: number }): void {
    const tookMs = request.endedAt - request.startedAt;
    this.minMs = Math.min(tookMs, this.minMs * FORGETTING);
    const isFast = tookMs <= Math.max(FAST_MS, 2 * this.minMs);
    this.ewmaMs = this.ewmaMs === null ? tookMs : this.ewmaMs + (tookMs - this.ewmaMs) / 16;
    // What is not used up says nothing about more.
    const used = this.isSlowStart ? this.size / 2 : Math.floor(this.size) - 1;
    if (!isFast || request.open < used || this.size >= request.limit) return;
    this.size = Math.min(request.limit, this.size + (this.isSlowStart ? 1 : 1 / this.size));
  }

  /** Once a round: of requests that were begun before the last cut, nothing new is learned. */
  private decrease({ startedAt, endedAt, limit }: { startedAt: number; endedAt: number; limit: number }): void {
    this.isSlowStart = false;
    if (startedAt < this.decreasedAt) return;
    this.decreasedAt = endedAt;
    this.size = Math.max(1, Math.min(this.size, limit) / 2);
  }
}
