import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import { UnwatchableCollection } from '../chain-events.errors.js';
import type { BlockSpan } from '../watch/block-span.js';

/** How far the past mints of a collection have been registered. */
export interface Backfill {
  fromBlock: number;
  /** The first block that was not read. */
  nextBlock: number;
  /** The last block to read: mints of later ones are watched. null: the collection is not watched yet. */
  untilBlock: number | null;
  /** Tokens that were registered. */
  tokens: number;
  /** null: it is running. */
  finishedAt: Date | null;
  /** Why it does not continue now, or has ended early; null: it does not fail. */
  lastError: string | null;
}

/** As the database returns it. */
export interface BackfillRow {
  fromBlock: string;
  nextBlock: string;
  untilBlock: string | null;
  tokens: string;
  finishedAt: Date | string | null;
  lastError: string | null;
}

export function toBackfill(row: BackfillRow): Backfill {
  return {
    fromBlock: Number(row.fromBlock),
    nextBlock: Number(row.nextBlock),
    untilBlock: row.untilBlock === null ? null : Number(row.untilBlock),
    tokens: Number(row.tokens),
    finishedAt: row.finishedAt === null ? null : new Date(row.finishedAt),
    lastError: row.lastError,
  };
}

/** One that a process works on. */
export interface ClaimedBackfill {
  collectionId: string;
  chainId: number;
  /** Lower case. */
  address: string;
  nextBlock: number;
  untilBlock: number;
  span: BlockSpan | null;
  /** Identifies the claim: until when it lasts. */
  claim: string;
}

/** What one step has changed. */
export interface BackfillAdvance {
  nextBlock: number;
  span: BlockSpan;
  tokens: number;
  isFinished: boolean;
  error: string | null;
}

/** Another process has taken it over. What this one was writing is undone. */
export class BackfillLost extends Error {}

/** After a crash, another process continues. Longer than a step may take. */
const LEASE_SECONDS = 30;

/** Which collections want their past mints. A cursor for each, so that a stop loses nothing. */
@Injectable()
export class Backfills {
  constructor(private readonly em: EntityManager) {}

  /**
   * Registers the tokens that the contract has minted from this block on, in the background. Again: begins anew. Throws
   * UnwatchableCollection: the collection is not registered, or does not discover mints.
   */
  async start(collectionId: string, fromBlock: number): Promise<void> {
    if (!Number.isSafeInteger(fromBlock) || fromBlock < 0) {
      throw new UnwatchableCollection(`Block ${fromBlock} is not the number of a block: a whole number from 0.`);
    }
    const { rows } = await sql`
      insert into nft_metadata.chain_backfills (collection_id, from_block, next_block)
      select collection_id, ${fromBlock}::bigint, ${fromBlock}::bigint
      from nft_metadata.watched_collections where collection_id = ${collectionId}::uuid and events and discover = 'mints'
      on conflict (collection_id) do update
      set from_block = excluded.from_block, next_block = excluded.next_block, until_block = null, tokens = 0, span = null,
        span_limit = null, lease_until = '-infinity', due_at = '-infinity', finished_at = null, last_error = null
      returning collection_id`.execute(this.em.fork().getKysely());
    if (rows.length === 0) {
      throw new UnwatchableCollection(
        `Past mints of collection ${collectionId} can be registered once its mints are watched: switch on "events" and "discover" first.`,
      );
    }
  }

  /** null: no backfill was requested. */
  async find(collectionId: string): Promise<Backfill | null> {
    const { rows } = await sql<BackfillRow>`
      select from_block::text as "fromBlock", next_block::text as "nextBlock", until_block::text as "untilBlock",
        tokens::text as tokens, finished_at as "finishedAt", last_error as "lastError"
      from nft_metadata.chain_backfills where collection_id = ${collectionId}::uuid`.execute(
      this.em.fork().getKysely(),
    );
    return rows[0] ? toBackfill(rows[0]) : null;
  }

  /** Takes the one that has waited longest, of collections that are watched. null: none waits. */
  async claim(chainIds: readonly number[]): Promise<ClaimedBackfill | null> {
    const { rows } = await sql<{
      collectionId: string;
      chainId: string;
      address: string;
      nextBlock: string;
      untilBlock: string;
      blocks: number | null;
      limit: number | null;
      claim: string;
    }>`
      with due as (
        select backfill.collection_id, collection.chain_id, collection.address, coalesce(backfill.until_block, watch.since_block) as until_block
        from nft_metadata.chain_backfills as backfill
        join nft_metadata.watched_collections as watch on watch.collection_id = backfill.collection_id
        join nft_metadata.collections as collection on collection.id = backfill.collection_id
        where backfill.finished_at is null and backfill.lease_until <= now() and backfill.due_at <= now()
          and watch.events and watch.discover = 'mints' and watch.since_block is not null
          and collection.removed_at is null and collection.chain_id = any(${chainIds}::bigint[])
        order by backfill.due_at, backfill.lease_until
        limit 1
        for update of backfill skip locked
      )
      update nft_metadata.chain_backfills as backfill
      set until_block = due.until_block, lease_until = now() + ${LEASE_SECONDS} * interval '1 second'
      from due where backfill.collection_id = due.collection_id
      returning backfill.collection_id as "collectionId", due.chain_id::text as "chainId", due.address,
        backfill.next_block::text as "nextBlock", backfill.until_block::text as "untilBlock", backfill.span as blocks,
        backfill.span_limit as "limit", backfill.lease_until::text as claim`.execute(this.em.fork().getKysely());
    const [row] = rows;
    if (!row) return null;
    const { blocks, limit, ...rest } = row;
    return {
      ...rest,
      chainId: Number(row.chainId),
      nextBlock: Number(row.nextBlock),
      untilBlock: Number(row.untilBlock),
      span: blocks === null ? null : { blocks, limit },
    };
  }

  /** Moves the cursor and ends the claim, in the caller's transaction. Throws BackfillLost. */
  async advance(
    em: EntityManager,
    { collectionId, claim }: ClaimedBackfill,
    { nextBlock, span, tokens, isFinished, error }: BackfillAdvance,
  ): Promise<void> {
    const { numAffectedRows = 0n } = await sql`
      update nft_metadata.chain_backfills
      set next_block = ${nextBlock}::bigint, span = ${span.blocks}::integer, span_limit = ${span.limit}::integer,
        tokens = tokens + ${tokens}::bigint, lease_until = '-infinity', due_at = now(), last_error = ${error},
        finished_at = case when ${isFinished}::boolean then now() end
      where collection_id = ${collectionId}::uuid and lease_until = ${claim}::timestamptz`.execute(em.getKysely());
    if (numAffectedRows === 0n) throw new BackfillLost();
  }

  /** The chain cannot be read now. */
  async postpone({ collectionId, claim }: ClaimedBackfill, seconds: number, error: string): Promise<void> {
    await sql`
      update nft_metadata.chain_backfills
      set lease_until = '-infinity', due_at = now() + ${seconds}::float8 * interval '1 second', last_error = ${error}
      where collection_id = ${collectionId}::uuid and lease_until = ${claim}::timestamptz`.execute(
      this.em.fork().getKysely(),
    );
  }
}
