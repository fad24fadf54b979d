import type { ClaimedToken } from '../queue/claimed-token.js';
import type { BufferedToken, Host } from './host.js';
import type { HostLimits } from './host-limits.js';
import type { Hosts } from './hosts.js';

/**
 * The claimed tokens that have not started, by metadata host: decides which token starts next. Hosts take turns; interactive
 * requests come first. Times are on a monotonic clock, in milliseconds.
 */
export class TokenBuffer {
  private interactive = 0;
  private bulk = 0;

  constructor(
    private readonly hosts: Hosts,
    private readonly limits: HostLimits,
  ) {}

  get count(): number {
    return this.interactive + this.bulk;
  }

  /** Tokens of interactive requests. */
  get interactiveCount(): number {
    return this.interactive;
  }

  add(tokens: readonly ClaimedToken[], now: number): void {
    for (const token of tokens) {
      const host = this.hosts.activate(token.host, now);
      if (host.limit !== token.hostLimit) host.share = null;
      host.limit = token.hostLimit;
      const buffered = { token, host, claimedAt: now };
      if (token.priority === 0) {
        host.interactive.push(buffered);
        this.interactive += 1;
      } else {
        host.bulk.push(buffered);
        this.bulk += 1;
      }
    }
  }

  /** Removes and returns the next token that may start. It counts against the limits of its host until they are released. */
  take(now: number, { onlyInteractive = false } = {}): BufferedToken | null {
    if (this.interactive === 0 && (onlyInteractive || this.bulk === 0)) return null;
    for (const host of this.hosts.active) {
      const isInteractive = host.interactive.length > 0;
      if (!isInteractive && (onlyInteractive || host.bulk.length === 0)) continue;
      if (!this.limits.tryAcquire(host, { isInteractive })) continue;
      const buffered = (isInteractive ? host.interactive : host.bulk).shift()!;
      if (isInteractive) this.interactive -= 1;
      else this.bulk -= 1;
      host.usedAt = now;
      this.hosts.moveToEnd(host);
      return buffered;
    }
    return null;
  }

  /** Removes and returns the tokens of a host. */
  dropHost(host: Host): ClaimedToken[] {
    return this.keep(host, () => false);
  }

  /** Removes and returns all tokens. */
  dropAll(): ClaimedToken[] {
    return [...this.hosts.active].flatMap((host) => this.dropHost(host));
  }

  /** Removes and returns the tokens that were claimed before this time. */
  dropOlderThan(claimedBefore: number): ClaimedToken[] {
    return [...this.hosts.active].flatMap((host) => this.keep(host, ({ claimedAt }) => claimedAt >= claimedBefore));
  }

  /** Removes and returns the tokens of a host, except for the interactive ones and the next `maxBulk` others. */
  trim(host: Host, maxBulk: number): ClaimedToken[] {
    const dropped = host.bulk.splice(maxBulk);
    this.bulk -= dropped.length;
    return dropped.map(({ token }) => token);
  }

  private keep(host: Host, isKept: (buffered: BufferedToken) => boolean): ClaimedToken[] {
    const before = [...host.interactive, ...host.bulk];
    const dropped = before.filter((buffered) => !isKept(buffered));
    if (dropped.length === 0) return [];
    this.interactive -= host.interactive.length;
    this.bulk -= host.bulk.length;
    host.interactive = host.interactive.filter(isKept);
    host.bulk = host.bulk.filter(isKept);
    this.interactive += host.interactive.length;
    this.bulk += host.bulk.length;
    return dropped.map(({ token }) => token);
  }
}
