/** The result of one request, as a signal of its host's load. */
export type HostSignal =
  /** Any other response. */
  | 'responded'
  /** 429 or 503. */
  | 'throttled'
  | 'timed_out'
  /** No response for another reason: no signal about the load. */
  | 'failed';

/** The initial limit: enough requests to learn how the host responds. */
const INITIAL_LIMIT = 8;
/** A response within this time, or within twice the fastest response, is fast. In milliseconds. */
const FAST_MS = 100;
/** The fastest response time grows with each response, in case the host has become slower permanently. */
const MIN_GROWTH = 1.005;
/** After this many consecutive timeouts with a single open request, the host hangs: fewer requests do not help it. */
const MAX_SOLO_TIMEOUTS = 3;

/**
 * Limits the requests that this process has open at one host: additive increase, multiplicative decrease (AIMD), as in
 * TCP congestion control. The limit doubles with each round of fast responses until the first sign of overload, grows by
 * one a round after that, and is halved by 429, 503 and timeouts. A host that also times out with a single request is not
 * overloaded by us, it hangs: until it responds, half of its limit applies, so that a refresh ends. Times are on a
 * monotonic clock, in milliseconds.
 */
export class AimdLimiter {
  private size = INITIAL_LIMIT;
  private isSlowStart = true;
  private ewmaMs: number | null = null;
  private minMs = Infinity;
  private decreasedAt = -Infinity;
  /** Consecutive timeouts with a single open request. */
  private soloTimeouts = 0;

  /** The number of requests that may be open now, at most `limit`. */
  limitWithin(limit: number): number {
    const size = this.hangs() ? Math.max(this.size, limit / 2) : this.size;
    return Math.min(limit, Math.max(1, Math.floor(size)));
  }

  /** Moving average of the response times; an estimate before the first response. */
  get responseMs(): number {
    return this.ewmaMs ?? FAST_MS;
  }

  /**
   * Records the result of a request that started at `startedAt`, with `open` requests of this process at its host. `limit`
   * is the share of this process.
   */
  onSample(signal: HostSignal, request: { startedAt: number; endedAt: number; open: number; limit: number }): void {
    switch (signal) {
      case 'responded':
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
    return this.soloTimeouts >= MAX_SOLO_TIMEOUTS;
  }

  private increase(request: { startedAt: number; endedAt: number; open: number; limit: number }): void {
    const tookMs = request.endedAt - request.startedAt;
    this.minMs = Math.min(tookMs, this.minMs * MIN_GROWTH);
    const isFast = tookMs <= Math.max(FAST_MS, 2 * this.minMs);
    this.ewmaMs = this.ewmaMs === null ? tookMs : this.ewmaMs + (tookMs - this.ewmaMs) / 16;
    // An unused limit gives no evidence for a larger one.
    const used = this.isSlowStart ? this.size / 2 : Math.floor(this.size) - 1;
    if (!isFast || request.open < used || this.size >= request.limit) return;
    this.size = Math.min(request.limit, this.size + (this.isSlowStart ? 1 : 1 / this.size));
  }

  /** Once a round: requests that started before the last decrease carry no new information. */
  private decrease({ startedAt, endedAt, limit }: { startedAt: number; endedAt: number; limit: number }): void {
    this.isSlowStart = false;
    if (startedAt < this.decreasedAt) return;
    this.decreasedAt = endedAt;
    this.size = Math.max(1, Math.min(this.size, limit) / 2);
  }
}
