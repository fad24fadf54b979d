import type { ClaimedToken } from '../queue/claimed-token.js';
import { AimdLimiter } from './aimd-limiter.js';
import type { Share } from './host-share.js';
import type { HostUsage } from './host-workers.js';

/** A token that this worker has claimed, until its result is known or it is released. */
export interface BufferedToken {
  token: ClaimedToken;
  host: Host;
  /** On a monotonic clock, in milliseconds. */
  claimedAt: number;
}

/** What this worker knows of a metadata host, and the tokens of it that wait to be fetched. */
export class Host {
  readonly limiter = new AimdLimiter();
  /** Maximum open requests of all processes together. */
  limit = 1;
  /** The share of this process; null until the next heartbeat. */
  share: Share | null = null;
  /** Claimed and not started, in order. */
  interactive: BufferedToken[] = [];
  bulk: BufferedToken[] = [];
  inFlight = 0;
  /** No claims for this host until then: other workers use up its limit. */
  yieldedUntil = -Infinity;
  /** The last claim returned fewer tokens than demanded, and nothing has become due since, as far as is known. */
  hasNothingDue = false;
  usedAt = 0;

  constructor(readonly name: string) {}

  get tokenCount(): number {
    return this.inFlight + this.interactive.length + this.bulk.length;
  }

  get usage(): HostUsage {
    const share = typeof this.share === 'number' ? this.share : 0;
    const allowed = share === 0 ? 0 : this.limiter.limitWithin(share);
    return { host: this.name, share, allowed, inFlight: this.inFlight };
  }

  /** The requests that this process may have open, before the adaptive limit. */
  get shareOrLimit(): number {
    if (this.share === null) return this.limit;
    return this.share === 'pending' ? 0 : this.share;
  }
}
