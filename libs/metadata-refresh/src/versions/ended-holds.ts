import { EntityManager } from '@mikro-orm/postgresql';
import { describeDatabaseError, inTransaction } from '@app/database';
import { Collections, VersionStore, type Collection } from '@app/token-store';
import { traceparentOf } from '@app/tracing';
import { ModuleLogger } from '@app/logging';
import { Injectable, type BeforeApplicationShutdown } from '@nestjs/common';
import { priorityOf } from '../admission/new-refresh.js';
import { RefreshEnqueuer } from '../admission/refresh-enqueuer.js';
import { inAcceptanceSpan, setAccepted } from '../refresh-trace.js';
import { hostOf, toLocation } from '../queue/refresh-source.js';
import { timeOrderedUuid } from '../time-ordered-uuid.js';

/** Tokens of one transaction. */
const BATCH_SIZE = 1000;
/** Interval of looks for holds that have ended. */
const POLL_INTERVAL_MS = 5000;

/**
 * Removes holds whose time has come. Tokens that a refresh has met meanwhile get one refresh, with the trigger `schedule`, in the same
 * transaction: each exactly once, whichever processes look. Tokens whose metadata is pushed get none. Without ended holds, it is one look
 * into an index.
 */
@Injectable()
export class EndedHolds implements BeforeApplicationShutdown {
  private readonly logger = new ModuleLogger('MetadataRefresh');
  private polledAt = -Infinity;
  private running: Promise<number> | undefined;
  private isStopped = false;

  constructor(
    private readonly em: EntityManager,
    private readonly collections: Collections,
    private readonly versions: VersionStore,
    private readonly enqueuer: RefreshEnqueuer,
  ) {}

  /** Looks for ended holds in the background, at most every five seconds. Logs errors: the next call tries again. */
  poll(): void {
    if (this.isStopped || performance.now() - this.polledAt < POLL_INTERVAL_MS) return;
    this.polledAt = performance.now();
    this.release().catch((error: unknown) => {
      this.logger.warn({ msg: 'ended holds not released', error: describeDatabaseError(error) });
    });
  }

  /** Returns the number of tokens whose hold was removed. Throws database errors. */
  release(): Promise<number> {
    this.running ??= this.releaseAll().finally(() => {
      this.running = undefined;
    });
    return this.running;
  }

  /** Ends after the batch that is being released: the application closes its database connections next. */
  async beforeApplicationShutdown(): Promise<void> {
    this.isStopped = true;
    await this.running?.catch(() => {});
  }

  private async releaseAll(): Promise<number> {
    for (let released = 0; ;) {
      const batch = this.isStopped ? 0 : await this.releaseBatch();
      released += batch;
      if (batch === 0) return released;
    }
  }

  private async releaseBatch(): Promise<number> {
    const collectionIds = await this.versions.findEndedHolds();
    if (collectionIds.length === 0) return 0;
    const lanes = await this.lanesOf(await this.collections.findAll(collectionIds));
    return inTransaction(this.em, async (em) => {
      const ended = await this.versions.takeEndedHolds(em, collectionIds, BATCH_SIZE);
      const wanted = Map.groupBy(
        ended.filter(({ isRefreshWanted }) => isRefreshWanted),
        ({ collectionId }) => collectionId,
      );
      for (const { collection, source, lane } of lanes) {
        const tokenIds = wanted.get(collection.id)?.map(({ tokenId }) => tokenId) ?? [];
        if (tokenIds.length === 0) continue;
        const { projectId } = collection;
        const refresh = {
          id: timeOrderedUuid(),
          projectId,
          collection,
          source,
          lane,
          trigger: 'schedule' as const,
          priority: priorityOf(tokenIds.length),
        };
        const accepted = { projectId, collectionAddress: collection.address, trigger: refresh.trigger };
        await inAcceptanceSpan(accepted, async (span) => {
          await this.enqueuer.save(em, { ...refresh, traceparent: traceparentOf(span) }, tokenIds, []);
          setAccepted(span, refresh.id, tokenIds.length);
        });
        this.logger.log({ msg: 'refresh accepted', refreshId: refresh.id, ...accepted, tokens: tokenIds.length });
      }
      return ended.length;
    });
  }

  /** Outside of the transaction, which would lock them against claims. Of pushed collections, nothing can be fetched. */
  private async lanesOf(collections: readonly Collection[]) {
    const fetched = collections.filter(({ sourceKind }) => sourceKind !== 'pushed');
    return Promise.all(
      fetched.map(async (collection) => {
        const source = toLocation(collection);
        const lane = await this.enqueuer.lane(collection.projectId, hostOf(source), collection.hostConcurrency ?? null);
        return { collection, source, lane };
      }),
    );
  }
}
