import type { ClaimedToken } from './claimed-token.js';
import type { Share } from './host-share.js';
import { AimdLimiter, type HostSignal } from './aimd-limiter.js';

/** A host's claimed tokens last this long at the pace of its answers, so that no slot waits for a claim. */
const PREFETCH_MS = 500;
/** However slow the host is, and when nothing is known of it yet: what a first claim brings. */
export const MIN_PREFETCH = 16;
/** However fast the host is. */
const MAX_PREFETCH = 1024;
/** Of the process's slots, the part that only interactive requests may take. */
const INTERACTIVE_PART = 1 / 16;
/** A host that has no request to spare for this worker is asked for by others, for so long. */
const LEFT_TO_OTHERS_MS = 2500;
/** A host that was asked so recently may have more. */
const RECENT_MS = 2000;
/** A host that has had nothing to do for so long is forgotten. */
const FORGET_AFTER_MS = 10 * 60_000;

interface HostQueue {
  host: string;
  limiter: AimdLimiter;
  /** All processes together may have so many requests open. */
  limit: number;
  /** Of them, this process; null until it is known who else is asking. */
  share: Share | null;
  /** Until then nothing is claimed. */
  yieldedUntil: number;
  /** A claim had more room for it than it has brought, and nothing is known that may have come since. */
  hasNothingDue: boolean;
  /** Claimed and not begun. */
  interactive: ClaimedToken[];
  ready: ClaimedToken[];
  open: number;
  usedAt: number;
}

/** Where more may be claimed. */
export interface HostRoom {
  host: string;
  room: number;
  /** There is enough of everything else: somebody who looks at a page shall not wait behind it. */
  onlyInteractive: boolean;
}

/**
 * What this worker holds, by metadata host: which token is begun next, which hosts may be claimed for, and what has
 * been waiting for too long. Hosts take turns; interactive requests come first. Times are of a monotonic clock.
 */
export class HostScheduler {
  private readonly hosts = new Map<string, HostQueue>();
  /** Those with something held, and those that were asked a moment ago, in turn: there may be thousands of others. */
  private readonly active = new Map<string, HostQueue>();
  private readonly claimedAt = new Map<ClaimedToken, number>();
  private openInAll = 0;

  constructor(private readonly slots: number) {}

  /** Claimed and not begun. */
  get readyCount(): number {
    return this.claimedAt.size;
  }

  add(tokens: readonly ClaimedToken[], now: number): void {
    for (const token of tokens) {
      const queue = this.queueOf(token.host);
      this.active.set(token.host, queue);
      if (queue.limit !== token.hostLimit) queue.share = null;
      queue.limit = token.hostLimit;
      queue.usedAt = now;
      (token.priority === 0 ? queue.interactive : queue.ready).push(token);
      this.claimedAt.set(token, now);
    }
  }

  /** The next token that may be begun, of an interactive request or of any; it counts as open from here on. */
  start(now: number, { onlyInteractive = false } = {}): ClaimedToken | null {
    for (const [host, queue] of this.active) {
      const hasNone = queue.interactive.length === 0 && (onlyInteractive || queue.ready.length === 0);
      if (hasNone || !this.mayBegin(queue)) continue;
      const token = queue.interactive.shift() ?? queue.ready.shift()!;
      this.claimedAt.delete(token);
      queue.open += 1;
      queue.usedAt = now;
      this.openInAll += 1;
      // To the end of the line.
      this.active.delete(host);
      this.active.set(host, queue);
      return token;
    }
    return null;
  }

  /** A token that was begun is over. Without a signal nothing is learned of its host. */
  finish({ host }: ClaimedToken, learned?: { signal: HostSignal; startedAt: number; endedAt: number }): void {
    const queue = this.queueOf(host);
    if (learned) queue.limiter.onSample(learned.signal, { ...learned, open: queue.open, limit: this.partOf(queue) });
    queue.open -= 1;
    this.openInAll -= 1;
  }

  /** What is ready for a host. It is no longer held. */
  dropHost(host: string): ClaimedToken[] {
    const queue = this.hosts.get(host);
    return queue ? this.drop([...queue.interactive, ...queue.ready]) : [];
  }

  /** Tokens that have been ready for longer than this. They are no longer held. */
  dropOlderThan(claimedBefore: number): ClaimedToken[] {
    return this.drop([...this.claimedAt].filter(([, claimedAt]) => claimedAt < claimedBefore).map(([token]) => token));
  }

  /** Everything that was not begun. It is no longer held. */
  dropReady(): ClaimedToken[] {
    return this.drop([...this.claimedAt.keys()]);
  }

  /** Of a host that has become slower: what will not be begun soon. Somebody else may be free. No longer held. */
  trimPrefetch(): ClaimedToken[] {
    return this.drop(
      [...this.active.values()].flatMap((queue) =>
        queue.ready.slice(Math.max(MIN_PREFETCH, 2 * this.prefetchTarget(queue))),
      ),
    );
  }

  /** Others have all that this host takes: claims pass it over for a while. What was ready for it is no longer held. */
  yieldHost(host: string, now: number): ClaimedToken[] {
    this.queueOf(host).yieldedUntil = now + LEFT_TO_OTHERS_MS;
    return this.dropHost(host);
  }

  /**
   * Room for claims: while a host has half of what it should have ahead, so that claims are worth their statement, for
   * interactive requests only. Hosts that are not in the list are new.
   */
  demand(now: number): HostRoom[] {
    return [...this.hosts.values()].map((queue) => {
      if (now < queue.yieldedUntil) return noRoom(queue);
      if (!this.wantsMore(queue)) return interactiveRoom(queue);
      return { host: queue.host, room: this.prefetchTarget(queue) - heldOf(queue), onlyInteractive: false };
    });
  }

  /** Room for a claim of interactive requests alone, however much is held of all others. */
  interactiveRooms(now: number): HostRoom[] {
    return [...this.hosts.values()].map((queue) => (now < queue.yieldedUntil ? noRoom(queue) : interactiveRoom(queue)));
  }

  /** Interactive requests' tokens, claimed and not begun. */
  get interactiveCount(): number {
    return [...this.active.values()].reduce((sum, { interactive }) => sum + interactive.length, 0);
  }

  /** Nothing is held. */
  get isIdle(): boolean {
    return this.claimedAt.size + this.openInAll === 0;
  }

  /** Whether a host that is asked, or was a moment ago, has less ahead than it should, and may have something due. */
  hasRoom(now: number): boolean {
    for (const queue of this.active.values()) {
      if (isAsked(queue, now) && !queue.hasNothingDue && now >= queue.yieldedUntil && this.wantsMore(queue))
        return true;
    }
    return false;
  }

  /** A claim with this room has brought all that was due, but for the hosts that it has filled. */
  noteNothingDue(rooms: readonly HostRoom[], fullHosts: ReadonlySet<string> = new Set()): void {
    const interactive = new Set(rooms.filter(({ onlyInteractive }) => onlyInteractive).map(({ host }) => host));
    for (const [host, queue] of this.hosts) {
      if (!interactive.has(host) && !fullHosts.has(host)) queue.hasNothingDue = true;
    }
  }

  /** Something may be due again. */
  forgetNothingDue(): void {
    for (const queue of this.hosts.values()) queue.hasNothingDue = false;
  }

  /** Hosts with something held, for whoever shares them out. */
  inUse(): string[] {
    return [...this.active.values()].filter((queue) => heldOf(queue) > 0).map(({ host }) => host);
  }

  /** Hosts that hold something whose share is not known yet. */
  unshared(): string[] {
    return [...this.active.values()]
      .filter((queue) => queue.share === null && heldOf(queue) > 0)
      .map(({ host }) => host);
  }

  limitOf(host: string): number {
    return this.hosts.get(host)?.limit ?? 1;
  }

  setShare(host: string, share: Share): void {
    const queue = this.hosts.get(host);
    if (queue) queue.share = share;
  }

  /** Nothing is begun until the shares are known anew. */
  forgetShares(): void {
    for (const queue of this.hosts.values()) queue.share = null;
  }

  /** What is no longer used is shared out again when it is used the next time, and forgotten after a while. */
  leaveUnused(now: number): void {
    for (const [host, queue] of this.hosts) {
      if (heldOf(queue) > 0) continue;
      queue.share = null;
      if (!isAsked(queue, now)) this.active.delete(host);
      if (now - queue.usedAt > FORGET_AFTER_MS) this.hosts.delete(host);
    }
  }

  private wantsMore(queue: HostQueue): boolean {
    return heldOf(queue) <= this.prefetchTarget(queue) / 2;
  }

  private prefetchTarget(queue: HostQueue): number {
    // Of a host that nothing is held of, the share will be learned anew.
    const share = heldOf(queue) > 0 ? this.partOf(queue) : queue.limit;
    const slots = Math.min(this.slots, queue.limiter.limitWithin(share));
    return Math.min(MAX_PREFETCH, Math.ceil(slots * Math.max(2, PREFETCH_MS / queue.limiter.responseMs)));
  }

  private partOf({ share, limit }: HostQueue): number {
    if (share === null) return limit;
    return share === 'later' ? 0 : share;
  }

  private mayBegin(queue: HostQueue): boolean {
    if (queue.share === null || queue.open >= queue.limiter.limitWithin(this.partOf(queue))) return false;
    const kept = queue.interactive.length > 0 ? 0 : Math.floor(this.slots * INTERACTIVE_PART);
    return this.openInAll < this.slots - kept;
  }

  private drop(tokens: readonly ClaimedToken[]): ClaimedToken[] {
    const dropped = new Set(tokens);
    const isKept = (token: ClaimedToken) => !dropped.has(token);
    for (const host of new Set(tokens.map((token) => token.host))) {
      const queue = this.queueOf(host);
      queue.interactive = queue.interactive.filter(isKept);
      queue.ready = queue.ready.filter(isKept);
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
      ready: [],
      open: 0,
      usedAt: 0,
    };
    this.hosts.set(host, queue);
    return queue;
  }
}

function noRoom({ host }: HostQueue): HostRoom {
  return { host, room: 0, onlyInteractive: false };
}

function interactiveRoom({ host, interactive }: HostQueue): HostRoom {
  return { host, room: Math.max(0, MIN_PREFETCH - interactive.length), onlyInteractive: true };
}

function isAsked(queue: HostQueue, now: number): boolean {
  return heldOf(queue) > 0 || now - queue.usedAt < RECENT_MS;
}

function heldOf({ open, interactive, ready }: HostQueue): number {
  return open + interactive.length + ready.length;
}
