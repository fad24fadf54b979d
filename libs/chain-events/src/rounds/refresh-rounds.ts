import { inTransaction } from '@app/database';
import { MetadataRefreshService, Refreshes, SourceNotSupported } from '@app/metadata-refresh';
import { Collections, TokenStore } from '@app/token-store';
import { EntityManager } from '@mikro-orm/postgresql';
import { ModuleLogger } from '@app/logging';
import { Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import { isDue, sizeOfStep, STEP_SECONDS } from './round.js';

/** A collection whose next tokens are to be looked at. */
interface DueStep {
  collectionId: string;
  refreshEverySeconds: number;
  /** Those up to this one were looked at in this round; null: none. */
  after: string | null;
  elapsedSeconds: number;
  /** When the last step was, which identifies this one; null: never. */
  steppedAt: string | null;
  now: Date | string;
}

/** Another process has made the step. What this one was writing is undone. */
class StepTaken extends Error {}

/**
 * Refreshes records by age: a cursor goes round over the token ids of each collection, a share of them with each step, and those that
 * were not fetched for long are one refresh of low priority. So refreshes are spread evenly, and no index on the time of the last fetch
 * is needed, which would make each fetch dearer.
 */
@Injectable()
export class RefreshRounds {
  private readonly logger = new ModuleLogger('ChainEvents');

  constructor(
    private readonly em: EntityManager,
    private readonly collections: Collections,
    private readonly tokens: TokenStore,
    private readonly refreshes: MetadataRefreshService,
    private readonly allRefreshes: Refreshes,
  ) {}

  /** Makes the steps that are due. Throws the first of the database errors, after all collections had their turn. */
  async run(signal?: AbortSignal): Promise<void> {
    const failures: unknown[] = [];
    for (const due of await this.findDue()) {
      if (signal?.aborted) return;
      try {
        await this.step(due);
      } catch (error) {
        if (!(error instanceof StepTaken)) failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }

  private async step(due: DueStep): Promise<void> {
    const { collectionId, refreshEverySeconds, after, elapsedSeconds } = due;
    const collection = await this.collections.find(collectionId);
    if (!collection) return;
    const { projectId } = collection;
    const filter = { projectId, collectionId, isPending: true, triggers: ['schedule'] as const, limit: 1 };
    // A host that is slow or unavailable does not get more and more requests.
    if ((await this.allRefreshes.list(filter)).length > 0) return this.advance(this.em.fork(), due, after);

    const size = sizeOfStep(await this.tokens.countTokens(collectionId), refreshEverySeconds, elapsedSeconds);
    const ages = await this.tokens.listAges({ collectionId, limit: size, ...(after !== null && { after }) });
    const next = ages.length < size || size === 0 ? null : ages.at(-1)!.tokenId;
    const tokenIds = ages
      .filter((age) => isDue(age, refreshEverySeconds, new Date(due.now)))
      .map(({ tokenId }) => tokenId);
    if (tokenIds.length === 0) return this.advance(this.em.fork(), due, next);
    try {
      await this.refreshes.requestSelection(collection, {
        tokenIds,
        trigger: 'schedule',
        priority: 'low',
        admit: (em) => this.advance(em, due, next),
      });
    } catch (error) {
      if (!(error instanceof SourceNotSupported)) throw error;
      const { address, chainId } = collection;
      this.logger.warn({
        msg: 'collection not refreshed by age',
        collectionId,
        address,
        chainId,
        error: error.message,
      });
      await inTransaction(this.em, (em) => this.advance(em, due, next));
    }
  }

  private async findDue(): Promise<DueStep[]> {
    const { rows } = await sql<DueStep>`
      select watch.collection_id as "collectionId", refresh_every_seconds as "refreshEverySeconds", round_after::text as after,
        coalesce(extract(epoch from now() - round_step_at), ${STEP_SECONDS})::float8 as "elapsedSeconds",
        round_step_at::text as "steppedAt", now() as now
      from nft_metadata.watched_collections as watch
      join nft_metadata.collections as collection on collection.id = watch.collection_id
      where refresh_every_seconds is not null and collection.removed_at is null
        and coalesce(round_step_at, '-infinity') <= now() - ${STEP_SECONDS} * interval '1 second'`.execute(
      this.em.fork().getKysely(),
    );
    return rows;
  }

  /** In the caller's transaction. Throws StepTaken. */
  private async advance(em: EntityManager, { collectionId, steppedAt }: DueStep, next: string | null): Promise<void> {
    const { numAffectedRows = 0n } = await sql`
      update nft_metadata.watched_collections set round_after = ${next}::numeric, round_step_at = now()
      where collection_id = ${collectionId}::uuid and round_step_at is not distinct from ${steppedAt}::timestamptz`.execute(
      em.getKysely(),
    );
    if (numAffectedRows === 0n) throw new StepTaken();
  }
}
