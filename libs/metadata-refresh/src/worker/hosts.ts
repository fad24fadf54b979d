import { Host } from './host.js';

/** A host that was used so recently may have more due items. */
const RECENT_MS = 2000;
/** The state of a host that was unused for this long is discarded. */
const FORGET_AFTER_MS = 10 * 60_000;

/** The metadata hosts that this worker knows. Times are on a monotonic clock, in milliseconds. */
export class Hosts {
  private readonly byName = new Map<string, Host>();
  /** Hosts with tokens, and hosts that were used recently, in turn: there may be thousands of others. */
  private readonly activeHosts = new Set<Host>();

  get all(): Iterable<Host> {
    return this.byName.values();
  }

  get active(): Iterable<Host> {
    return this.activeHosts;
  }

  find(name: string): Host | undefined {
    return this.byName.get(name);
  }

  /** Returns a host that gets a token: from then on it is active. */
  activate(name: string, now: number): Host {
    let host = this.byName.get(name);
    if (!host) this.byName.set(name, (host = new Host(name)));
    host.usedAt = now;
    this.activeHosts.add(host);
    return host;
  }

  /** The other active hosts come first. */
  moveToEnd(host: Host): void {
    if (this.activeHosts.size === 1) return;
    this.activeHosts.delete(host);
    this.activeHosts.add(host);
  }

  /** Hosts with tokens. */
  inUse(): Host[] {
    return [...this.activeHosts].filter((host) => host.tokenCount > 0);
  }

  /** Discards the shares of unused hosts, and after a while their state. */
  leaveUnused(now: number): void {
    for (const host of this.byName.values()) {
      if (host.tokenCount > 0) continue;
      host.share = null;
      if (!isInUse(host, now)) this.activeHosts.delete(host);
      if (now - host.usedAt > FORGET_AFTER_MS) this.byName.delete(host.name);
    }
  }
}

/** Whether a host has tokens, or has had some recently. */
export function isInUse(host: Host, now: number): boolean {
  return host.tokenCount > 0 || now - host.usedAt < RECENT_MS;
}
