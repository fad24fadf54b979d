import type { ClaimedToken } from '../queue/claimed-token.js';
import { MIN_PREFETCH, type HostDemand } from '../queue/host-demand.js';
import type { Host } from './host.js';
import type { HostLimits } from './host-limits.js';
import { isInUse, type Hosts } from './hosts.js';
import type { TokenBuffer } from './token-buffer.js';

/** The tokens claimed ahead for a host last this long at its response rate, so that no fetch waits for a claim. */
const PREFETCH_MS = 500;
/** The maximum, however fast the host is. */
const MAX_PREFETCH = 1024;
/** How long this worker leaves a host to others when its share is 0. */
const YIELD_MS = 2500;

/** Decides for which hosts to claim, and how many tokens. Times are on a monotonic clock, in milliseconds. */
export class ClaimDemand {
  constructor(
    private readonly hosts: Hosts,
    private readonly limits: HostLimits,
    private readonly buffer: TokenBuffer,
  ) {}

  /**
   * How many tokens to claim for each known host. While more than half of its prefetch target is buffered, only interactive
   * requests are claimed, so that claims are large enough to be worth a statement. Hosts that are not in the list are new.
   */
  ofAll(now: number): HostDemand[] {
    return Array.from(this.hosts.all, (host) => {
      if (now < host.yieldedUntil) return noDemand(host);
      if (!this.isBelowHalf(host)) return interactiveDemand(host);
      return { host: host.name, tokens: this.prefetchTarget(host) - host.tokenCount, onlyInteractive: false };
    });
  }

  /** How many tokens of interactive requests to claim, independently of all others. */
  ofInteractive(now: number): HostDemand[] {
    return Array.from(this.hosts.all, (host) => (now < host.yieldedUntil ? noDemand(host) : interactiveDemand(host)));
  }

  /** Whether a host in use has less than half of its prefetch target, and may have due tokens. */
  isAnyWanted(now: number): boolean {
    for (const host of this.hosts.active) if (this.isWanted(host, now)) return true;
    return false;
  }

  isWanted(host: Host, now: number): boolean {
    return !host.hasNothingDue && now >= host.yieldedUntil && this.isBelowHalf(host) && isInUse(host, now);
  }

  /** A claim with this demand returned all due tokens, except perhaps of the full hosts. */
  markNothingDue(demand: readonly HostDemand[], fullHosts: ReadonlySet<string> = new Set()): void {
    const interactive = new Set(demand.filter(({ onlyInteractive }) => onlyInteractive).map(({ host }) => host));
    for (const host of this.hosts.all) {
      if (!interactive.has(host.name) && !fullHosts.has(host.name)) host.hasNothingDue = true;
    }
  }

  /** Items may be due again. */
  clearNothingDue(): void {
    for (const host of this.hosts.all) host.hasNothingDue = false;
  }

  /** For a host whose limit other workers use up: no claims for a while. Removes and returns its buffered tokens. */
  yieldHost(host: Host, now: number): ClaimedToken[] {
    host.yieldedUntil = now + YIELD_MS;
    return this.buffer.dropHost(host);
  }

  /** Removes and returns tokens of hosts that have become slower, which would not start soon: another worker may be free. */
  trimPrefetch(): ClaimedToken[] {
    return Array.from(this.hosts.active).flatMap((host) =>
      this.buffer.trim(host, Math.max(MIN_PREFETCH, 2 * this.prefetchTarget(host))),
    );
  }

  private isBelowHalf(host: Host): boolean {
    return host.tokenCount <= this.prefetchTarget(host) / 2;
  }

  private prefetchTarget(host: Host): number {
    const roundsAhead = Math.max(2, PREFETCH_MS / host.limiter.responseMs);
    return Math.min(MAX_PREFETCH, Math.ceil(this.limits.concurrencyOf(host) * roundsAhead));
  }
}

function noDemand({ name }: Host): HostDemand {
  return { host: name, tokens: 0, onlyInteractive: false };
}

function interactiveDemand({ name, interactive }: Host): HostDemand {
  return { host: name, tokens: Math.max(0, MIN_PREFETCH - interactive.length), onlyInteractive: true };
}
