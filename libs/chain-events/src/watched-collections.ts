import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import { UnwatchableCollection } from './chain-events.errors.js';

/** What a collection wants of its chain. */
export interface CollectionWatch {
  /** Whether events of its contract refresh its tokens. */
  events: boolean;
  /** `mints`: tokens that its contract mints are registered, and fetched. Needs `events`. */
  discover: 'none' | 'mints';
  /** Whether an event about the contract's own metadata (ERC-7572) refreshes all tokens. */
  contractRefreshesTokens: boolean;
  /**
   * How often its tokens are refreshed by age, in seconds, 1 hour to 90 days; null: they are not. Tokens that change are refreshed twice
   * as often, and those that have not changed for long ever less often, down to an eighth. Needs no `events`.
   */
  refreshEverySeconds: number | null;
}

const [MIN_REFRESH_SECONDS, MAX_REFRESH_SECONDS] = [3600, 90 * 86_400];

/** Changes of a watch. Absent fields do not change. */
export type WatchChange = { [Name in keyof CollectionWatch]?: CollectionWatch[Name] | undefined };

/** A collection as the watcher of its chain sees it. */
export interface WatchedCollection {
  collectionId: string;
  /** Lower case. */
  address: string;
  discover: CollectionWatch['discover'];
  contractRefreshesTokens: boolean;
  /** Events of this block and of earlier ones are not read; null: it was never watched. */
  sinceBlock: number | null;
}

const NOT_WATCHED: CollectionWatch = {
  events: false,
  discover: 'none',
  contractRefreshesTokens: false,
  refreshEverySeconds: null,
};

/** Which collections are watched, and for what. A change takes effect with the next poll of the chain. */
@Injectable()
export class WatchedCollections {
  constructor(private readonly em: EntityManager) {}

  async find(collectionId: string): Promise<CollectionWatch> {
    const { rows } = await sql<CollectionWatch>`
      select events, discover, contract_refreshes_tokens as "contractRefreshesTokens",
        refresh_every_seconds as "refreshEverySeconds"
      from nft_metadata.watched_collections where collection_id = ${collectionId}::uuid`.execute(
      this.em.fork().getKysely(),
    );
    return rows[0] ?? NOT_WATCHED;
  }

  /** Returns the watch as it is now. Throws UnwatchableCollection: it is not registered, or the change contradicts itself. */
  async set(collectionId: string, change: WatchChange): Promise<CollectionWatch> {
    const { events, discover, contractRefreshesTokens, refreshEverySeconds } = change;
    const before = await this.find(collectionId);
    const watch: CollectionWatch = {
      events: events ?? before.events,
      discover: discover ?? before.discover,
      contractRefreshesTokens: contractRefreshesTokens ?? before.contractRefreshesTokens,
      refreshEverySeconds: refreshEverySeconds === undefined ? before.refreshEverySeconds : refreshEverySeconds,
    };
    const every = watch.refreshEverySeconds;
    if (every !== null && !(Number.isInteger(every) && every >= MIN_REFRESH_SECONDS && every <= MAX_REFRESH_SECONDS)) {
      throw new UnwatchableCollection(
        `Tokens can be refreshed every ${MIN_REFRESH_SECONDS} to ${MAX_REFRESH_SECONDS} seconds, an hour to 90 days; not every ${every}.`,
      );
    }
    if (watch.discover === 'mints' && !watch.events) {
      throw new UnwatchableCollection('Mints are discovered by events: switch on both, or neither.');
    }
    const { rows } = await sql`
      insert into nft_metadata.watched_collections (collection_id, events, discover, contract_refreshes_tokens, refresh_every_seconds)
      select id, ${watch.events}::boolean, ${watch.discover}, ${watch.contractRefreshesTokens}::boolean, ${every}::integer
      from nft_metadata.collections where id = ${collectionId}::uuid and removed_at is null
      on conflict (collection_id) do update
      set events = excluded.events, discover = excluded.discover,
        contract_refreshes_tokens = excluded.contract_refreshes_tokens, refresh_every_seconds = excluded.refresh_every_seconds,
        -- A collection that was not watched for some time joins again at the newest block.
        since_block = case when watched_collections.events then watched_collections.since_block end
      returning collection_id`.execute(this.em.fork().getKysely());
    if (rows.length === 0) throw new UnwatchableCollection(`Collection ${collectionId} is not registered.`);
    return watch;
  }

  /** Those of a chain whose events are read, in the order of their addresses. */
  async listOfChain(chainId: number): Promise<WatchedCollection[]> {
    const { rows } = await sql<Omit<WatchedCollection, 'sinceBlock'> & { sinceBlock: string | null }>`
      select watch.collection_id as "collectionId", collection.address, watch.discover,
        watch.contract_refreshes_tokens as "contractRefreshesTokens", watch.since_block::text as "sinceBlock"
      from nft_metadata.watched_collections as watch
      join nft_metadata.collections as collection on collection.id = watch.collection_id
      where collection.chain_id = ${chainId}::bigint and collection.removed_at is null and watch.events
      order by collection.address`.execute(this.em.fork().getKysely());
    return rows.map((row) => ({ ...row, sinceBlock: row.sinceBlock === null ? null : Number(row.sinceBlock) }));
  }

  /**
   * Events of these collections are read after this block, in the caller's transaction. A block that is later than what a collection
   * began with changes nothing.
   */
  async begin(em: EntityManager, collectionIds: readonly string[], sinceBlock: number): Promise<void> {
    if (collectionIds.length === 0) return;
    await sql`
      update nft_metadata.watched_collections set since_block = ${sinceBlock}::bigint
      where collection_id = any(${collectionIds}::uuid[]) and coalesce(since_block > ${sinceBlock}::bigint, true)`.execute(
      em.getKysely(),
    );
  }
}
