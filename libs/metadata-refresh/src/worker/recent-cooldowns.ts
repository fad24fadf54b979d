import type { ClaimedToken } from '../queue/claimed-token.js';

/** Saves the cooldown of a host, in seconds, for all workers, with the reason of the response that asked for it. */
type SaveCooldown = (host: string, seconds: number, reason: string) => Promise<void>;

/**
 * The cooldowns that this worker has just started. The database has the cooldowns of all workers, and a claim skips those
 * hosts; but a claim that started before a cooldown was saved may still return tokens of its host.
 */
export class RecentCooldowns {
  /** When the cooldown was saved, on a monotonic clock; Infinity while it is being saved. */
  private readonly savedAt = new Map<string, number>();
  private pendingSaves = 0;

  constructor(
    private readonly save: SaveCooldown,
    private readonly onError: (error: unknown) => void,
  ) {}

  /** Whether no cooldown is being saved. */
  get isIdle(): boolean {
    return this.pendingSaves === 0;
  }

  /** Resolves when the cooldown is saved, or when that has failed. */
  async start(host: string, seconds: number, reason: string): Promise<void> {
    this.savedAt.set(host, Infinity);
    this.pendingSaves += 1;
    try {
      await this.save(host, seconds, reason);
    } catch (error) {
      this.onError(error);
    }
    this.pendingSaves -= 1;
    this.savedAt.set(host, performance.now());
  }

  /**
   * Splits the tokens of a claim that started at `claimedAt`: those that may be fetched, and those of hosts in cooldown.
   * `oldestClaimAt` is the start of the oldest claim that is still running.
   */
  partition(
    claimed: readonly ClaimedToken[],
    claimedAt: number,
    oldestClaimAt = claimedAt,
  ): [ClaimedToken[], ClaimedToken[]] {
    const isInCooldown = ({ host }: ClaimedToken) => (this.savedAt.get(host) ?? -Infinity) >= claimedAt;
    const parts: [ClaimedToken[], ClaimedToken[]] = [
      claimed.filter((token) => !isInCooldown(token)),
      claimed.filter(isInCooldown),
    ];
    const oldest = Math.min(claimedAt, oldestClaimAt);
    for (const [host, savedAt] of this.savedAt) if (savedAt < oldest) this.savedAt.delete(host);
    return parts;
  }
}
