import type { HostSignal } from './aimd-limiter.js';
import type { Host } from './host.js';
import type { Share } from './host-share.js';
import type { Hosts } from './hosts.js';

/** The fraction of the process's concurrency that is reserved for interactive requests. */
const INTERACTIVE_FRACTION = 1 / 16;
/** How long a share is valid, from the start of its heartbeat: less than other workers wait before they use a share. */
const SHARE_TTL_MS = 2400;

/** The result of a request, from which the adaptive limit of its host learns. Times are on a monotonic clock. */
export interface HostSample {
  signal: HostSignal;
  startedAt: number;
  endedAt: number;
}

/**
 * Decides whether a request to a host may start: within the concurrency of this process, its share of the host's limit, and
 * the adaptive limit of the host (`AimdLimiter`).
 */
export class HostLimits {
  private inFlight = 0;
  private sharesExpireAt = -Infinity;
  private readonly reserved: number;

  constructor(
    private readonly hosts: Hosts,
    private readonly concurrency: number,
  ) {
    this.reserved = Math.floor(concurrency * INTERACTIVE_FRACTION);
  }

  /** Requests that are open at all hosts together. */
  get inFlightCount(): number {
    return this.inFlight;
  }

  /** Counts a request as open, unless a limit is reached. A host without a known share gets none. */
  tryAcquire(host: Host, { isInteractive }: { isInteractive: boolean }): boolean {
    if (host.share === null || host.inFlight >= host.limiter.limitWithin(host.shareOrLimit)) return false;
    if (this.inFlight >= this.concurrency - (isInteractive ? 0 : this.reserved)) return false;
    host.inFlight += 1;
    this.inFlight += 1;
    return true;
  }

  /** An open request has ended. With a sample, its result adjusts the adaptive limit. */
  release(host: Host, sample?: HostSample): void {
    if (sample) {
      const { signal, startedAt, endedAt } = sample;
      host.limiter.onSample(signal, { startedAt, endedAt, open: host.inFlight, limit: host.shareOrLimit });
    }
    host.inFlight -= 1;
    this.inFlight -= 1;
  }

  /** Requests that this process can keep open at a host. */
  concurrencyOf(host: Host): number {
    // Without tokens of the host, its share is not up to date.
    const share = host.tokenCount > 0 ? host.shareOrLimit : host.limit;
    return Math.min(this.concurrency, host.limiter.limitWithin(share));
  }

  /** Whether a host with tokens has no share yet. */
  get isAnyUnshared(): boolean {
    for (const host of this.hosts.active) if (host.share === null && host.tokenCount > 0) return true;
    return false;
  }

  /** The share that a heartbeat has returned, which was sent at `sentAt`. */
  setShare(host: Host, share: Share, sentAt: number): void {
    host.share = share;
    this.sharesExpireAt = sentAt + SHARE_TTL_MS;
  }

  /** After missed heartbeats: starts nothing until the next one returns new shares. */
  discardExpiredShares(now: number): void {
    if (now > this.sharesExpireAt) this.discardShares();
  }

  discardShares(): void {
    for (const host of this.hosts.all) host.share = null;
  }
}
