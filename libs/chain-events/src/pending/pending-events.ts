import { bigintArray, booleanArray, textArray, uuidArray } from '@app/database';
import { MAX_RANGES } from '@app/token-store';
import type { EntityManager } from '@mikro-orm/postgresql';
import { Inject, Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import { CHAIN_EVENTS_CONFIG, type ChainEventsConfig } from '../chain-events.options.js';
import { ALL_TOKENS } from '../log/chain-event.js';

/** Why a token is refreshed: the newest event of it. */
export interface EventSource {
  /** A ChainEventKind; or `gap`: the chain was not read for long; or `backfill`: past mints are registered. */
  kind: string;
  /** null: there is no such log. */
  transactionHash: string | null;
  blockNumber: number;
  logIndex: number | null;
}

export interface EventToken extends EventSource {
  collectionId: string;
  tokenId: string;
  /** A mint, whose document may come later. */
  isYoung: boolean;
}

export interface EventRange extends EventSource {
  collectionId: string;
  fromId: string;
  toId: string;
}

/** All tokens of a collection, without an event that names them. */
export function allTokensOf(collectionId: string, kind: 'gap' | 'backfill', blockNumber: number): EventRange {
  return {
    collectionId,
    fromId: String(ALL_TOKENS.from),
    toId: String(ALL_TOKENS.to),
    kind,
    transactionHash: null,
    blockNumber,
    logIndex: null,
  };
}

/**
 * Tokens and ranges that events have named, until they are refreshed. What is named again while it waits is refreshed once, so a storm of
 * events costs one row for each token.
 */
@Injectable()
export class PendingEvents {
  constructor(@Inject(CHAIN_EVENTS_CONFIG) private readonly config: ChainEventsConfig) {}

  /**
   * In the caller's transaction. The same token several times: the last one counts. `isSettled`: the time that metadata servers need
   * has gone by.
   */
  async addTokens(
    em: EntityManager,
    tokens: readonly EventToken[],
    { isSettled = false }: { isSettled?: boolean } = {},
  ): Promise<void> {
    const all = [...new Map(tokens.map((token) => [`${token.collectionId} ${token.tokenId}`, token])).values()];
    if (all.length === 0) return;
    const { settleSeconds, eventMinIntervalSeconds, youngForSeconds } = this.config;
    const eventAt = isSettled ? sql`now() - ${settleSeconds}::float8 * interval '1 second'` : sql`now()`;
    await sql`
      insert into nft_metadata.event_tokens as waiting
        (collection_id, token_id, due_at, event_at, kind, transaction_hash, block_number, log_index, young_until)
      select collection_id, token_id::numeric, ${eventAt} + ${settleSeconds}::float8 * interval '1 second', ${eventAt}, kind,
        decode(substr(transaction_hash, 3), 'hex'), block_number, log_index,
        case when is_young then now() + ${youngForSeconds}::float8 * interval '1 second' end
      from unnest(
        ${uuidArray(all.map(({ collectionId }) => collectionId))}::uuid[],
        ${textArray(all.map(({ tokenId }) => tokenId))}::text[],
        ${textArray(all.map(({ kind }) => kind))}::text[],
        ${textArray(all.map(({ transactionHash }) => transactionHash))}::text[],
        ${bigintArray(all.map(({ blockNumber }) => blockNumber))}::bigint[],
        ${bigintArray(all.map(({ logIndex }) => logIndex))}::bigint[],
        ${booleanArray(all.map(({ isYoung }) => isYoung))}::boolean[]
      ) as event (collection_id, token_id, kind, transaction_hash, block_number, log_index, is_young)
      order by collection_id, token_id::numeric
      on conflict (collection_id, token_id) do update
      set due_at = least(
          waiting.due_at,
          greatest(
            excluded.due_at,
            waiting.requested_at + ${eventMinIntervalSeconds}::float8 * interval '1 second'
          )
        ),
        event_at = greatest(waiting.event_at, excluded.event_at), kind = excluded.kind, transaction_hash = excluded.transaction_hash,
        block_number = excluded.block_number, log_index = excluded.log_index,
        young_until = coalesce(excluded.young_until, waiting.young_until),
        tries = case when excluded.young_until is null then waiting.tries else 0 end`.execute(em.getKysely());
  }

  /**
   * In the caller's transaction. Of a collection with more ranges than a selection may have, one waits that spans all of them.
   */
  async addRanges(em: EntityManager, ranges: readonly EventRange[]): Promise<void> {
    const all = [
      ...new Map(ranges.map((range) => [`${range.collectionId} ${range.fromId} ${range.toId}`, range])).values(),
    ];
    if (all.length === 0) return;
    const collectionIds = [...new Set(all.map(({ collectionId }) => collectionId))];
    await sql`
      insert into nft_metadata.event_ranges as waiting
        (collection_id, from_id, to_id, due_at, event_at, kind, transaction_hash, block_number, log_index)
      select collection_id, from_id::numeric, to_id::numeric,
        now() + ${this.config.settleSeconds}::float8 * interval '1 second', now(), kind,
        decode(substr(transaction_hash, 3), 'hex'), block_number, log_index
      from unnest(
        ${uuidArray(all.map(({ collectionId }) => collectionId))}::uuid[],
        ${textArray(all.map(({ fromId }) => fromId))}::text[],
        ${textArray(all.map(({ toId }) => toId))}::text[],
        ${textArray(all.map(({ kind }) => kind))}::text[],
        ${textArray(all.map(({ transactionHash }) => transactionHash))}::text[],
        ${bigintArray(all.map(({ blockNumber }) => blockNumber))}::bigint[],
        ${bigintArray(all.map(({ logIndex }) => logIndex))}::bigint[]
      ) as event (collection_id, from_id, to_id, kind, transaction_hash, block_number, log_index)
      order by collection_id, from_id::numeric, to_id::numeric
      on conflict (collection_id, from_id, to_id) do update
      set due_at = least(waiting.due_at, excluded.due_at), event_at = excluded.event_at, kind = excluded.kind,
        transaction_hash = excluded.transaction_hash,
        block_number = excluded.block_number, log_index = excluded.log_index`.execute(em.getKysely());
    await sql`
      with crowded as (
        select collection_id from nft_metadata.event_ranges
        where collection_id = any(${collectionIds}::uuid[])
        group by collection_id having count(*) > ${MAX_RANGES}
      ), merged as (
        delete from nft_metadata.event_ranges as range using crowded
        where range.collection_id = crowded.collection_id
        returning range.*
      ), newest as (
        select distinct on (collection_id) * from merged order by collection_id, event_at desc
      )
      insert into nft_metadata.event_ranges
        (collection_id, from_id, to_id, due_at, event_at, kind, transaction_hash, block_number, log_index)
      select newest.collection_id, spanned.from_id, spanned.to_id, spanned.due_at, newest.event_at, newest.kind, newest.transaction_hash,
        newest.block_number, newest.log_index
      from newest
      join (
        select collection_id, min(from_id) as from_id, max(to_id) as to_id, min(due_at) as due_at
        from merged group by collection_id
      ) as spanned using (collection_id)`.execute(em.getKysely());
  }
}
