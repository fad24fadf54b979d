import { EntityManager } from '@mikro-orm/postgresql';
import { inTransaction, readInIndexOrder, textArray } from '@app/database';
import { Inject, Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import { CHAIN_EVENTS_CONFIG, type ChainEventsConfig } from '../chain-events.options.js';
import type { EventSource } from './pending-events.js';

/** A token whose refresh is due. */
export interface DueToken extends EventSource {
  tokenId: string;
  /** A mint whose document may come later. */
  isYoung: boolean;
  /** An event has named it since its last refresh. false: only its document was missing. */
  hasNewEvent: boolean;
  /** When its newest event was saved, to the microsecond. */
  eventAt: string;
}

export interface DueRange extends EventSource {
  fromId: string;
  toId: string;
}

/** Rows that one process claimed together. */
export interface Claimed<Row> {
  /** Identifies the claim: when it was made. */
  claim: string;
  rows: Row[];
}

/** A collection with events that are due. */
export interface DueCollection {
  collectionId: string;
  /** Single tokens that events may still refresh in this hour. */
  allowance: number;
  hasTokens: boolean;
  hasRanges: boolean;
}

/** The claim has expired, and another process has taken it over. What this one was writing is undone. */
export class ClaimLost extends Error {}

/** After a crash, what a process has claimed is due again. */
const CLAIM_SECONDS = 30;
/** The first pause before the document of a mint is tried again. Doubles with each try. */
const YOUNG_RETRY_SECONDS = 10;
/** How long ranges wait for a refresh that is not completed yet, before they look again. */
const RUNNING_RETRY_SECONDS = 30;
const DELETE_BATCH_SIZE = 5000;

/**
 * Claims events that are due, and finishes them in the transaction that accepts their refresh. Claims let processes pass each other
 * without waiting. A row is finished under the claim that took it, so nothing is refreshed twice for one event.
 */
@Injectable()
export class EventClaims {
  constructor(
    private readonly em: EntityManager,
    @Inject(CHAIN_EVENTS_CONFIG) private readonly config: ChainEventsConfig,
  ) {}

  /** Of collections that are watched. Single tokens of a collection that has used up its hour are not due. */
  async findDue(): Promise<DueCollection[]> {
    const { rows } = await sql<DueCollection>`
      with watched as (
        select watch.collection_id,
          ${this.config.eventTokensPerHour}::integer
            - case when hour_started_at > now() - interval '1 hour' then hour_tokens else 0 end as allowance
        from nft_metadata.watched_collections as watch
        join nft_metadata.collections as collection on collection.id = watch.collection_id
        where watch.events and collection.removed_at is null
      ), due as (
        select collection_id, allowance,
          allowance > 0 and exists (
            select from nft_metadata.event_tokens as token
            where token.collection_id = watched.collection_id and token.due_at <= now() and ${isFree('token')}
          ) as has_tokens,
          exists (
            select from nft_metadata.event_ranges as range
            where range.collection_id = watched.collection_id and range.due_at <= now() and ${isFree('range')}
          ) as has_ranges
        from watched
      )
      select collection_id as "collectionId", allowance, has_tokens as "hasTokens", has_ranges as "hasRanges"
      from due where has_tokens or has_ranges`.execute(this.em.fork().getKysely());
    return rows;
  }

  async claimTokens(collectionId: string, limit: number): Promise<Claimed<DueToken>> {
    const { rows } = await inTransaction(this.em, async (em) => {
      // No more of the waiting tokens than these.
      await readInIndexOrder(em);
      return sql<DueToken & { claim: string; blockNumber: string; logIndex: string | null }>`
        with due as (
          select token_id from nft_metadata.event_tokens as token
          where collection_id = ${collectionId}::uuid and due_at <= now() and ${isFree('token')}
          order by due_at, token_id
          limit ${limit}
          for update skip locked
        )
        update nft_metadata.event_tokens as token
        set claimed_at = now()
        -- By the key. With a join and old statistics, the planner may compare all waiting tokens with each of these.
        where token.collection_id = ${collectionId}::uuid and token.token_id = any(array(select token_id from due))
        returning token.claimed_at::text as claim, token.token_id::text as "tokenId", ${sourceColumns('token')},
          token.young_until is not null as "isYoung",
          token.event_at > coalesce(token.requested_at, '-infinity') as "hasNewEvent", token.event_at::text as "eventAt"`.execute(
        em.getKysely(),
      );
    });
    return claimedOf(rows);
  }

  async claimRanges(collectionId: string): Promise<Claimed<DueRange>> {
    const { rows } = await sql<DueRange & { claim: string; blockNumber: string; logIndex: string | null }>`
      with due as (
        select from_id, to_id from nft_metadata.event_ranges as range
        where collection_id = ${collectionId}::uuid and due_at <= now() and ${isFree('range')}
        for update skip locked
      )
      update nft_metadata.event_ranges as range
      set claimed_at = now()
      from due
      where range.collection_id = ${collectionId}::uuid and range.from_id = due.from_id and range.to_id = due.to_id
      returning range.claimed_at::text as claim, range.from_id::text as "fromId", range.to_id::text as "toId",
        ${sourceColumns('range')}`.execute(this.em.fork().getKysely());
    return claimedOf(rows);
  }

  /**
   * These tokens are being refreshed, in the caller's transaction. An event that arrived while they waited is one more refresh, after
   * the pause. Throws ClaimLost.
   */
  async finishTokens(
    em: EntityManager,
    collectionId: string,
    claim: string,
    tokenIds: readonly string[],
  ): Promise<void> {
    const { settleSeconds, eventMinIntervalSeconds } = this.config;
    const { numAffectedRows = 0n } = await sql`
      update nft_metadata.event_tokens
      set claimed_at = null, requested_at = now(), tries = tries + 1,
        young_until = case when young_until > now() then young_until end,
        due_at = least(
          case when event_at > now() - ${settleSeconds}::float8 * interval '1 second' then greatest(
            event_at + ${settleSeconds}::float8 * interval '1 second',
            now() + ${eventMinIntervalSeconds}::float8 * interval '1 second'
          ) end,
          case when young_until > now() then
            least(young_until, now() + ${YOUNG_RETRY_SECONDS} * power(2, least(tries, 20)) * interval '1 second')
          end
        )
      where collection_id = ${collectionId}::uuid and token_id = any(${textArray(tokenIds)}::text[]::numeric[])
        and claimed_at = ${claim}::timestamptz`.execute(em.getKysely());
    if (numAffectedRows !== BigInt(tokenIds.length)) throw new ClaimLost();
  }

  /**
   * Drops tokens that need no refresh, or cannot have one. A token that another event has named since its claim is due again.
   */
  async dropTokens(collectionId: string, claim: string, tokens: readonly DueToken[]): Promise<void> {
    if (tokens.length === 0) return;
    const tokenIds = textArray(tokens.map(({ tokenId }) => tokenId));
    // "any": the key finds them, also with statistics from before they waited.
    const isDropped = sql`
      token.collection_id = ${collectionId}::uuid and token.token_id = any(${tokenIds}::text[]::numeric[])
        and token.token_id = dropped.token_id and token.claimed_at = ${claim}::timestamptz`;
    await sql`
      with dropped as (
        select token_id, event_at from unnest(
          ${tokenIds}::text[]::numeric[],
          ${textArray(tokens.map(({ eventAt }) => eventAt))}::text[]::timestamptz[]
        ) as token (token_id, event_at)
      ), deleted as (
        delete from nft_metadata.event_tokens as token using dropped
        where ${isDropped} and token.event_at = dropped.event_at
      )
      update nft_metadata.event_tokens as token set claimed_at = null from dropped
      where ${isDropped} and token.event_at <> dropped.event_at`.execute(this.em.fork().getKysely());
  }

  /**
   * These ranges are being refreshed, in the caller's transaction. One that was named again while it waited stays. Throws ClaimLost.
   */
  async finishRanges(em: EntityManager, collectionId: string, { claim, rows }: Claimed<DueRange>): Promise<void> {
    const settle = sql`${this.config.settleSeconds}::float8 * interval '1 second'`;
    const { rows: finished } = await sql`
      with finished as (
        delete from nft_metadata.event_ranges
        where collection_id = ${collectionId}::uuid and claimed_at = ${claim}::timestamptz and event_at <= now() - ${settle}
        returning 1
      ), again as (
        update nft_metadata.event_ranges
        set claimed_at = null, due_at = event_at + ${settle}
        where collection_id = ${collectionId}::uuid and claimed_at = ${claim}::timestamptz and event_at > now() - ${settle}
        returning 1
      )
      select from finished union all select from again`.execute(em.getKysely());
    if (finished.length !== rows.length) throw new ClaimLost();
  }

  /** The ranges wait for the pause after the last refresh of many tokens, for its end, and for the next hour if this one is used up. */
  async postponeRanges(collectionId: string, claim: string): Promise<void> {
    const { collectionMinIntervalSeconds, eventTokensPerHour } = this.config;
    await sql`
      update nft_metadata.event_ranges as range
      set claimed_at = null,
        due_at = greatest(
          watch.selection_requested_at + ${collectionMinIntervalSeconds}::float8 * interval '1 second',
          now() + ${RUNNING_RETRY_SECONDS} * interval '1 second',
          case when watch.hour_selected >= ${eventTokensPerHour}::integer then watch.hour_started_at + interval '1 hour' end
        )
      from nft_metadata.watched_collections as watch
      where watch.collection_id = range.collection_id and range.collection_id = ${collectionId}::uuid
        and range.claimed_at = ${claim}::timestamptz`.execute(this.em.fork().getKysely());
  }

  /** The last refresh of many tokens of the collection, and whether the next one is too early; null: there was none. */
  async findLastSelection(collectionId: string): Promise<{ refreshId: string | null; isTooEarly: boolean } | null> {
    const { collectionMinIntervalSeconds, eventTokensPerHour } = this.config;
    const { rows } = await sql<{ refreshId: string | null; isTooEarly: boolean }>`
      select selection_refresh_id as "refreshId",
        selection_requested_at > now() - ${collectionMinIntervalSeconds}::float8 * interval '1 second'
          or (hour_started_at > now() - interval '1 hour' and hour_selected >= ${eventTokensPerHour}::integer) as "isTooEarly"
      from nft_metadata.watched_collections
      where collection_id = ${collectionId}::uuid and selection_requested_at is not null`.execute(
      this.em.fork().getKysely(),
    );
    return rows[0] ?? null;
  }

  async saveLastSelection(collectionId: string, refreshId: string): Promise<void> {
    await sql`
      update nft_metadata.watched_collections set selection_refresh_id = ${refreshId}::uuid
      where collection_id = ${collectionId}::uuid`.execute(this.em.fork().getKysely());
  }

  /**
   * Counts tokens towards the hour of the collection, in the caller's transaction. Refreshes of many tokens have a count of their own, so
   * that single tokens do not wait for an hour after one.
   */
  async count(
    em: EntityManager,
    collectionId: string,
    { tokens, isSelection }: { tokens: number; isSelection: boolean },
  ): Promise<void> {
    await sql`
      update nft_metadata.watched_collections
      set hour_tokens = ${isSelection ? 0 : tokens}::integer
          + case when hour_started_at > now() - interval '1 hour' then hour_tokens else 0 end,
        hour_selected = ${isSelection ? tokens : 0}::integer
          + case when hour_started_at > now() - interval '1 hour' then hour_selected else 0 end,
        hour_started_at = case when hour_started_at > now() - interval '1 hour' then hour_started_at else now() end,
        selection_requested_at = case when ${isSelection}::boolean then now() else selection_requested_at end
      where collection_id = ${collectionId}::uuid`.execute(em.getKysely());
  }

  /** Deletes rows whose pause is over, and those of collections that are no longer watched. */
  async deleteObsolete(): Promise<void> {
    const kysely = this.em.fork().getKysely();
    await sql`
      delete from nft_metadata.event_tokens as token
      where (token.collection_id, token.token_id) in (
        select collection_id, token_id from nft_metadata.event_tokens
        where due_at is null and requested_at < now() - ${this.config.eventMinIntervalSeconds}::float8 * interval '1 second'
        limit ${DELETE_BATCH_SIZE}
        for update skip locked
      )`.execute(kysely);
    await sql`
      delete from nft_metadata.event_tokens as token
      where (token.collection_id, token.token_id) in (
        select waiting.collection_id, waiting.token_id
        from nft_metadata.watched_collections as watch
        cross join lateral (
          select collection_id, token_id from nft_metadata.event_tokens
          where collection_id = watch.collection_id limit ${DELETE_BATCH_SIZE}
        ) as waiting
        where not watch.events
        limit ${DELETE_BATCH_SIZE}
      )`.execute(kysely);
    await sql`
      delete from nft_metadata.event_ranges as range
      using nft_metadata.watched_collections as watch
      where watch.collection_id = range.collection_id and not watch.events`.execute(kysely);
  }
}

function isFree(table: string) {
  return sql`(${sql.raw(table)}.claimed_at is null or ${sql.raw(table)}.claimed_at < now() - ${CLAIM_SECONDS} * interval '1 second')`;
}

function sourceColumns(table: string) {
  return sql.raw(`${table}.kind, '0x' || encode(${table}.transaction_hash, 'hex') as "transactionHash",
    ${table}.block_number::text as "blockNumber", ${table}.log_index::text as "logIndex"`);
}

function claimedOf<Row extends { claim: string; blockNumber: unknown; logIndex: unknown }>(
  rows: readonly Row[],
): Claimed<Row & EventSource> {
  return {
    claim: rows[0]?.claim ?? '',
    rows: rows.map((row) => ({
      ...row,
      blockNumber: Number(row.blockNumber),
      logIndex: row.logIndex === null ? null : Number(row.logIndex),
    })) as (Row & EventSource)[],
  };
}
