import type { ClaimedToken } from './claimed-token.js';

/** Says to all workers that a host wants to be left alone for so long, in seconds. */
type SaveCooldown = (host: string, seconds: number) => Promise<void>;

/**
 * Hosts that have asked for a rest, until everybody knows of it: a claim that was begun before may bring more of their
 * tokens.
 */
export class HostCooldowns {
  /** When everybody knew, on a monotonic clock; Infinity while it is being said. */
  private readonly saidAt = new Map<string, number>();
  private saying = 0;

  constructor(
    private readonly say: SaveCooldown,
    private readonly onError: (error: unknown) => void,
  ) {}

  /** Something is being said. */
  get isBusy(): boolean {
    return this.saying > 0;
  }

  /** Resolves when everybody knows, or when that failed. */
  async note(host: string, seconds: number): Promise<void> {
    this.saidAt.set(host, Infinity);
    this.saying += 1;
    try {
      await this.say(host, seconds);
    } catch (error) {
      this.onError(error);
    }
    this.saying -= 1;
    this.saidAt.set(host, performance.now());
  }

  /**
   * Of what a claim has brought that was begun then: what may be fetched, and what is of hosts that rest. The oldest claim
   * that is still under way was begun at `oldestClaimAt`.
   */
  sortOut(
    claimed: readonly ClaimedToken[],
    claimedAt: number,
    oldestClaimAt = claimedAt,
  ): [ClaimedToken[], ClaimedToken[]] {
    const isResting = ({ host }: ClaimedToken) => (this.saidAt.get(host) ?? -Infinity) >= claimedAt;
    const sorted: [ClaimedToken[], ClaimedToken[]] = [
      claimed.filter((token) => !isResting(token)),
      claimed.filter(isResting),
    ];
    const oldest = Math.min(claimedAt, oldestClaimAt);
    for (const [host, saidAt] of this.saidAt) if (saidAt < oldest) this.saidAt.delete(host);
    return sorted;
  }
}
