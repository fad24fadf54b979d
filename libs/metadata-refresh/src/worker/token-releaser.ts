import { describeDatabaseError } from '@app/database';
import { ModuleLogger } from '@app/logging';
import type { ClaimedToken } from '../queue/claimed-token.js';
import type { RefreshQueue } from '../queue/refresh-queue.js';

/** Gives claimed tokens back to the queue, where they are due at once, for this worker or another one. */
export class TokenReleaser {
  private readonly logger = new ModuleLogger('MetadataRefresh');
  private pending = 0;

  constructor(
    private readonly queue: Pick<RefreshQueue, 'release'>,
    private readonly onReleased: () => void,
  ) {}

  /** Whether nothing is being released. */
  get isIdle(): boolean {
    return this.pending === 0;
  }

  release(tokens: readonly ClaimedToken[]): void {
    if (tokens.length > 0) void this.releaseAll(tokens);
    else this.onReleased();
  }

  private async releaseAll(tokens: readonly ClaimedToken[]): Promise<void> {
    this.pending += 1;
    try {
      await this.queue.release(tokens);
    } catch (error) {
      this.logger.warn({
        msg: 'tokens not released; they are due when their lease expires',
        error: describeDatabaseError(error),
      });
    }
    this.pending -= 1;
    this.onReleased();
  }
}
