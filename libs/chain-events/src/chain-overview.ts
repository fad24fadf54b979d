import { EntityManager } from '@mikro-orm/postgresql';
import { readingFrom } from '@app/database';
import { Inject, Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import { toBackfill, type Backfill, type BackfillRow } from './backfill/backfills.js';
import type { CollectionWatch } from './watched-collections.js';
import { CHAIN_EVENTS_CONFIG, type ChainEventsConfig } from './chain-events.options.js';

/** A collection whose events are read, as lists show it. */
export interface ListedWatch extends Pick<CollectionWatch, 'discover' | 'refreshEverySeconds'> {
  chainId: number;
  collectionId: string;
  /** The progress of its past mints; null: no backfill was requested. */
  backfill: Backfill | null;
}

type WatchRow = Omit<ListedWatch, 'chainId' | 'backfill'> & { chainId: string } & {
  [Name in keyof BackfillRow]: BackfillRow[Name] | null;
};

/** What people look at of watched chains, beside ChainStatuses. */
@Injectable()
export class ChainOverview {
  constructor(
    private readonly em: EntityManager,
    @Inject(CHAIN_EVENTS_CONFIG) private readonly config: ChainEventsConfig,
  ) {}

  /** Whether this process is told to watch chains, or to leave that to others that are. */
  get isEnabled(): boolean {
    return this.config.enabled;
  }

  /** How long after an event its tokens are fetched. */
  get settleSeconds(): number {
    return this.config.settleSeconds;
  }

  /** The first watched collections of each chain: those with a running backfill first, then by address. */
  async listWatches(limitPerChain: number): Promise<ListedWatch[]> {
    const { rows } = await sql<WatchRow>`
      select watch."chainId", watch."collectionId", watch.discover, watch."refreshEverySeconds",
        watch.from_block::text as "fromBlock", watch.next_block::text as "nextBlock",
        watch.until_block::text as "untilBlock", watch.tokens::text as tokens, watch.finished_at as "finishedAt",
        watch.last_error as "lastError"
      from (
        select collection.chain_id::text as "chainId", watch.collection_id as "collectionId", watch.discover,
          watch.refresh_every_seconds as "refreshEverySeconds", backfill.from_block, backfill.next_block,
          backfill.until_block, backfill.tokens, backfill.finished_at, backfill.last_error,
          row_number() over (
            partition by collection.chain_id
            order by backfill.collection_id is not null and backfill.finished_at is null desc, collection.address
          ) as place
        from nft_metadata.watched_collections as watch
        join nft_metadata.collections as collection on collection.id = watch.collection_id
        left join nft_metadata.chain_backfills as backfill on backfill.collection_id = watch.collection_id
        where watch.events and collection.removed_at is null
      ) as watch
      where watch.place <= ${limitPerChain}
      order by watch."chainId"::bigint, watch.place`.execute(readingFrom(this.em).getKysely());
    return rows.map(toWatch);
  }
}

function toWatch({ chainId, collectionId, discover, refreshEverySeconds, ...row }: WatchRow): ListedWatch {
  const backfill = row.fromBlock === null ? null : toBackfill(row as BackfillRow);
  return { chainId: Number(chainId), collectionId, discover, refreshEverySeconds, backfill };
}
