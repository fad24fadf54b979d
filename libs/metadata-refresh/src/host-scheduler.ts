import type { ClaimedToken } from './claimed-token.js';
import type { Share } from './host-share.js';
import { AimdLimiter, type HostSignal } from './aimd-limiter.js';

/** The tokens claimed ahead for a host last this long at its response rate, so that no fetch waits for a claim. */
const PREFETCH_MS = 500;
/** The minimum, however slow the host is; also the first claim of an unknown host. */
export const MIN_PREFETCH = 16;
/** The maximum, however fast the host is. */
const MAX_PREFETCH = 1024;
/** The fraction of the process's concurrency that is reserved for interactive requests. */
const INTERACTIVE_FRACTION = 1 / 16;
/** How long this worker leaves a host to others when its share is 0. */
const YIELD_MS = 2500;
/** A host that was used so recently may have more due items. */
const RECENT_MS = 2000;
/** The state of a host that was unused for this long is discarded. */
const FORGET_AFTER_MS = 10 * 60_000;

interface HostQueue {
  host: string;
  limiter: AimdLimiter;
  /** Maximum open requests of all processes together. */
  limit: number;
  /** The share of this process; null until the next heartbeat. */
  share: Share | null;
  /** No claims for this host until then. */
  yieldedUntil: number;
  /** The last claim returned fewer tokens than demanded, and nothing has become due since, as far as is known. */
  hasNothingDue: boolean;
  /** Claimed and not started. */
  interactive: ClaimedToken[];
  buffered: ClaimedToken[];
  inFlight: number;
  usedAt: number;
}

/** How many tokens a claim may take for a host. */
export interface HostDemand {
  host: string;
  tokens: number;
  /** Enough other tokens are buffered: claim only interactive requests, which do not wait behind those. */
  onlyInteractive: boolean;
}

/**
 * The claimed tokens of this worker by metadata host: decides which token starts next, for which hosts to claim, and which
 * tokens have waited too long. Hosts take turns; interactive requests come first. Times are on a monotonic clock.
 */
export class HostScheduler {
  private readonly hosts = new Map<string, HostQueue>();
  /** Hosts with tokens, and hosts that were used recently, in turn: there may be thousands of others. */
  private readonly active = new Map<string, HostQueue>();
  private readonly claimedAt = new Map<ClaimedToken, number>();
  private totalInFlight = 0;

  constructor(private readonly concurrency: number) {}

  /** Tokens that are claimed and not started. */
  get bufferedCount(): number {
    return this.claimedAt.size;
  }

  add(tokens: readonly ClaimedToken[], now: number): void {
    for (const token of tokens) {
      const queue = this.queueOf(token.host);
      this.active.set(token.host, queue);
      if (queue.limit !== token.hostLimit) queue.share = null;
      queue.limit = token.hostLimit;
      queue.usedAt = now;
      (token.priority === 0 ? queue.interactive : queue.buffered).push(token);
      this.claimedAt.set(token, now);
    }
  }

  /** Returns the next token that may start; it counts as in flight from then on. */
  start(now: number, { onlyInteractive = false } = {}): ClaimedToken | null {
    for (const [host, queue] of this.active) {
      const hasNone = queue.interactive.length === 0 && (onlyInteractive || queue.buffered.length === 0);
      if (hasNone || !this.mayStart(queue)) continue;
      const token = queue.interactive.shift() ?? queue.buffered.shift()!;
      this.claimedAt.delete(token);
      queue.inFlight += 1;
      queue.usedAt = now;
      this.totalInFlight += 1;
      // To the end of the queue.
      this.active.delete(host);
      this.active.set(host, queue);
      return token;
    }
    return null;
  }

  /** A started token is finished. With `learned`, its result adjusts the limit of the host. */
  finish({ host }: ClaimedToken, learned?: { signal: HostSignal; startedAt: number; endedAt: number }): void {
    const queue = this.queueOf(host);
    if (learned)
      queue.limiter.onSample(learned.signal, { ...learned, open: queue.inFlight, limit: this.shareOrLimit(queue) });
    queue.inFlight -= 1;
    this.totalInFlight -= 1;
  }

  /** Removes and returns the buffered tokens of a host. */
  dropHost(host: string): ClaimedToken[] {
    const queue = this.hosts.get(host);
    return queue ? this.drop([...queue.interactive, ...queue.buffered]) : [];
  }

  /** Removes and returns the tokens that were claimed before this time and have not started. */
  dropOlderThan(claimedBefore: number): ClaimedToken[] {
    return this.drop([...this.claimedAt].filter(([, claimedAt]) => claimedAt < claimedBefore).map(([token]) => token));
  }

  /** Removes and returns all tokens that have not started. */
  dropBuffered(): ClaimedToken[] {
    return this.drop([...this.claimedAt.keys()]);
  }

  /** Removes and returns tokens of hosts that have become slower, which would not start soon: another worker may be free. */
  trimPrefetch(): ClaimedToken[] {
    return this.drop(
      [...this.active.values()].flatMap((queue) =>
        queue.buffered.slice(Math.max(MIN_PREFETCH, 2 * this.prefetchTarget(queue))),
      ),
    );
  }

  /** For a host whose limit other workers use up: no claims for a while. Removes and returns its buffered tokens. */
  yieldHost(host: string, now: number): ClaimedToken[] {
    this.queueOf(host).yieldedUntil = now + YIELD_MS;
    return this.dropHost(host);
  }

  /**
   * How many tokens to claim for each known host. While more than half of its prefetch target is buffered, only interactive
   * requests are claimed, so that claims are large enough to be worth a statement. Hosts that are not in the list are new.
   */
  demand(now: number): HostDemand[] {
    return [...this.hosts.values()].map((queue) => {
      if (now < queue.yieldedUntil) return noDemand(queue);
      if (!this.wantsMore(queue)) return interactiveDemandOf(queue);
      return { host: queue.host, tokens: this.prefetchTarget(queue) - tokensOf(queue), onlyInteractive: false };
    });
  }

  /** How many tokens of interactive requests to claim, independently of all others. */
  interactiveDemand(now: number): HostDemand[] {
    return [...this.hosts.values()].map((queue) =>
      now < queue.yieldedUntil ? noDemand(queue) : interactiveDemandOf(queue),
    );
  }

  /** Tokens of interactive requests that are claimed and not started. */
  get interactiveCount(): number {
    return [...this.active.values()].reduce((sum, { interactive }) => sum + interactive.length, 0);
  }

  /** Whether no token is buffered or in flight. */
  get isIdle(): boolean {
    return this.claimedAt.size + this.totalInFlight === 0;
  }

  /** Whether a host in use has less than half of its prefetch target, and may have due items. */
  wantsClaim(now: number): boolean {
    for (const queue of this.active.values()) {
      if (isInUse(queue, now) && !queue.hasNothingDue && now >= queue.yieldedUntil && this.wantsMore(queue))
        return true;
    }
    return false;
  }

  /** A claim with this demand returned all due items, except of the hosts whose demand it filled. */
  markNothingDue(demand: readonly HostDemand[], fullHosts: ReadonlySet<string> = new Set()): void {
    const interactive = new Set(demand.filter(({ onlyInteractive }) => onlyInteractive).map(({ host }) => host));
    for (const [host, queue] of this.hosts) {
      if (!interactive.has(host) && !fullHosts.has(host)) queue.hasNothingDue = true;
    }
  }

  /** Items may be due again. */
  clearNothingDue(): void {
    for (const queue of this.hosts.values()) queue.hasNothingDue = false;
  }

  /** Hosts with tokens, for the heartbeat. */
  inUse(): string[] {
    return [...this.active.values()].filter((queue) => tokensOf(queue) > 0).map(({ host }) => host);
  }

  /** Hosts with tokens whose share is not known yet. */
  unshared(): string[] {
    return [...this.active.values()]
      .filter((queue) => queue.share === null && tokensOf(queue) > 0)
      .map(({ host }) => host);
  }

  limitOf(host: string): number {
    return this.hosts.get(host)?.limit ?? 1;
  }

  setShare(host: string, share: Share): void {
    const queue = this.hosts.get(host);
    if (queue) queue.share = share;
  }

  /** Starts nothing until the next heartbeat returns new shares. */
  discardShares(): void {
    for (const queue of this.hosts.values()) queue.share = null;
  }

  /** Discards the shares of unused hosts, and after a while their state. */
  leaveUnused(now: number): void {
    for (const [host, queue] of this.hosts) {
      if (tokensOf(queue) > 0) continue;
      queue.share = null;
      if (!isInUse(queue, now)) this.active.delete(host);
      if (now - queue.usedAt > FORGET_AFTER_MS) this.hosts.delete(host);
    }
  }

  private wantsMore(queue: HostQueue): boolean {
    return tokensOf(queue) <= this.prefetchTarget(queue) / 2;
  }

  private prefetchTarget(queue: HostQueue): number {
    // Without tokens of the host, its share is not up to date.
    const share = tokensOf(queue) > 0 ? this.shareOrLimit(queue) : queue.limit;
    const concurrency = Math.min(this.concurrency, queue.limiter.limitWithin(share));
    return Math.min(MAX_PREFETCH, Math.ceil(concurrency * Math.max(2, PREFETCH_MS / queue.limiter.responseMs)));
  }

  private shareOrLimit({ share, limit }: HostQueue): number {
    if (share === null) return limit;
    return share === 'pending' ? 0 : share;
  }

  private mayStart(queue: HostQueue): boolean {
    if (queue.share === null || queue.inFlight >= queue.limiter.limitWithin(this.shareOrLimit(queue))) return false;
    const reserved = queue.interactive.length > 0 ? 0 : Math.floor(this.concurrency * INTERACTIVE_FRACTION);
    return this.totalInFlight < this.concurrency - reserved;
  }

  private drop(tokens: readonly ClaimedToken[]): ClaimedToken[] {
    const dropped = new Set(tokens);
    const isKept = (token: ClaimedToken) => !dropped.has(token);
    for (const host of new Set(tokens.map((token) => token.host))) {
      const queue = this.queueOf(host);
      queue.interactive = queue.interactive.filter(isKept);
      queue.buffered = queue.buffered.filter(isKept);
    }
    for (const token of tokens) this.claimedAt.delete(token);
    return [...tokens];
  }

  private queueOf(host: string): HostQueue {
    const known = this.hosts.get(host);
    if (known) return known;
    const queue: HostQueue = {
      host,
      limiter: new AimdLimiter(),
      limit: 1,
      share: null,
      yieldedUntil: -Infinity,
      hasNothingDue: false,
      interactive: [],
      buffered: [],
      inFlight: 0,
      usedAt: 0,
    };
    this.hosts.set(host, queue);
    return queue;
  }
}

function noDemand({ host }: HostQueue): HostDemand {
  return { host, tokens: 0, onlyInteractive: false };
}

function interactiveDemandOf({ host, interactive }: HostQueue): HostDemand {
  return { host, tokens: Math.max(0, MIN_PREFETCH - interactive.length), onlyInteractive: true };
}

function isInUse(queue: HostQueue, now: number): boolean {
  return tokensOf(queue) > 0 || now - queue.usedAt < RECENT_MS;
}

function tokensOf({ inFlight, interactive, buffered }: HostQueue): number {
  return inFlight + interactive.length + buffered.length;
}
