import { ChainRpc } from '@app/metadata-fetch';
import { EntityManager } from '@mikro-orm/postgresql';
import { readingFrom } from '@app/database';
import { Inject, Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import { CHAIN_EVENTS_CONFIG, type ChainEventsConfig } from './chain-events.options.js';

/**
 * How far one chain has been read. `off`: events are not enabled, or there is no RPC URL · `idle`: no collection asks for events ·
 * `waiting`: no process has read it yet, or the one that did has ended · `reading` · `failing`: no node can be read.
 */
export interface ChainStatus {
  chainId: number;
  state: 'off' | 'idle' | 'waiting' | 'reading' | 'failing';
  /** Collections whose events are read. */
  collections: number;
  /** The newest block, and the newest one that was read; null: none was. */
  headBlock: number | null;
  readBlock: number | null;
  /** When the newest one was read. */
  readAt: Date | null;
  /** The time since then in seconds, by the clock of the database; null: none was read. */
  unreadSeconds: number | null;
  /** Blocks of one call, as far as the provider allows it. */
  blocksPerCall: number | null;
  failingSince: Date | null;
  /** The time since then in seconds, by the clock of the database; 0: it does not fail. */
  failingSeconds: number;
  /** Why: a reason of a failed node. */
  lastError: string | null;
  /** Tokens and ranges of tokens that events have named and that wait for their refresh; 10,000 at most. */
  waitingTokens: number;
  waitingRanges: number;
  /** Collections whose past mints are being registered. */
  backfills: number;
}

/** A chain that cannot be read, and why: a reason of a failed node. */
export interface FailingChain {
  chainId: number;
  failingSince: Date;
  lastError: string;
}

const MAX_COUNTED = 10_000;

interface StatusRow {
  chainId: string;
  isHeld: boolean;
  collections: number;
  headBlock: string | null;
  nextBlock: string | null;
  readAt: Date | string | null;
  unreadSeconds: number | null;
  blocksPerCall: number | null;
  failingSince: Date | string | null;
  failingSeconds: number;
  lastError: string | null;
  waitingTokens: number;
  waitingRanges: number;
  backfills: number;
}

/** How far the chains have been read, by any process. */
@Injectable()
export class ChainStatuses {
  constructor(
    private readonly em: EntityManager,
    private readonly rpc: ChainRpc,
    @Inject(CHAIN_EVENTS_CONFIG) private readonly config: ChainEventsConfig,
  ) {}

  /** Of chains with an RPC URL or with watched collections, by id. */
  async list(): Promise<ChainStatus[]> {
    const { rows } = await sql<StatusRow>`
      with watched as (
        select collection.chain_id, watch.collection_id
        from nft_metadata.watched_collections as watch
        join nft_metadata.collections as collection on collection.id = watch.collection_id
        where watch.events and collection.removed_at is null
      ), chain as (
        select chain_id from watched union select unnest(${this.rpc.chainIds}::bigint[])
      )
      select chain.chain_id::text as "chainId", coalesce(cursor.lease_until > now(), false) as "isHeld",
        (select count(*)::int from watched where watched.chain_id = chain.chain_id) as collections,
        cursor.head_block::text as "headBlock", cursor.next_block::text as "nextBlock", cursor.read_at as "readAt",
        extract(epoch from now() - cursor.read_at)::float8 as "unreadSeconds",
        coalesce(extract(epoch from now() - cursor.failing_since), 0)::float8 as "failingSeconds",
        cursor.span as "blocksPerCall", cursor.failing_since as "failingSince", cursor.last_error as "lastError",
        (
          select count(*)::int from (
            select from watched
            join nft_metadata.event_tokens as token using (collection_id)
            where watched.chain_id = chain.chain_id and token.due_at is not null
            limit ${MAX_COUNTED}
          ) as waiting
        ) as "waitingTokens",
        (
          select count(*)::int from (
            select from watched
            join nft_metadata.event_ranges as range using (collection_id)
            where watched.chain_id = chain.chain_id
            limit ${MAX_COUNTED}
          ) as waiting
        ) as "waitingRanges",
        (
          select count(*)::int from watched
          join nft_metadata.chain_backfills as backfill using (collection_id)
          where watched.chain_id = chain.chain_id and backfill.finished_at is null
        ) as backfills
      from chain
      left join nft_metadata.chain_cursors as cursor on cursor.chain_id = chain.chain_id
      order by chain.chain_id`.execute(readingFrom(this.em).getKysely());
    return rows.map((row) => this.toStatus(row));
  }

  /** Chains of watched collections that no node lets this process or another one read, by id. Without events, nothing is queried. */
  async listFailing(): Promise<FailingChain[]> {
    if (!this.config.enabled) return [];
    const { rows } = await sql<{ chainId: string; failingSince: Date | string; lastError: string }>`
      select chain_id::text as "chainId", failing_since as "failingSince", last_error as "lastError"
      from nft_metadata.chain_cursors as cursor
      where failing_since is not null and exists (
        select from nft_metadata.watched_collections as watch
        join nft_metadata.collections as collection on collection.id = watch.collection_id
        where watch.events and collection.removed_at is null and collection.chain_id = cursor.chain_id
      )
      order by chain_id`.execute(this.em.fork().getKysely());
    return rows.map(({ chainId, failingSince, lastError }) => ({
      chainId: Number(chainId),
      failingSince: new Date(failingSince),
      lastError,
    }));
  }

  private toStatus({ isHeld, nextBlock, ...row }: StatusRow): ChainStatus {
    const chainId = Number(row.chainId);
    return {
      ...row,
      chainId,
      state: this.stateOf(chainId, { ...row, isHeld }),
      headBlock: toNumber(row.headBlock),
      readBlock: nextBlock === null ? null : Number(nextBlock) - 1,
      readAt: toDate(row.readAt),
      failingSince: toDate(row.failingSince),
    };
  }

  private stateOf(
    chainId: number,
    { collections, isHeld, lastError }: Pick<StatusRow, 'collections' | 'isHeld' | 'lastError'>,
  ): ChainStatus['state'] {
    if (!this.config.enabled || !this.rpc.find(chainId)) return 'off';
    if (collections === 0) return 'idle';
    if (lastError !== null) return 'failing';
    return isHeld ? 'reading' : 'waiting';
  }
}

function toNumber(text: string | null): number | null {
  return text === null ? null : Number(text);
}

function toDate(value: Date | string | null): Date | null {
  return value === null ? null : new Date(value);
}
