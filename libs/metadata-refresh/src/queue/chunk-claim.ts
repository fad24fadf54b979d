import type { MetadataLocation } from '@app/metadata-fetch';
import type { EntityManager } from '@mikro-orm/postgresql';
import { sql } from 'kysely';
import { ACTIVE_LANES } from '../active-lanes.js';
import type { DividedChunk, DueChunk } from './claim-plan.js';
import { MIN_PREFETCH, type HostDemand } from './host-demand.js';
import type { RefreshTrigger } from '../refresh-trigger.js';
import { isBeingStopped } from '../control/stopped-chunks.js';

/** Maximum lanes of one claim. */
export const LANES_PER_CLAIM = 8;
/** When tokens that are being fetched by another chunk are due again, in seconds. */
export const DEFERRAL_SECONDS = 1;
/** The most chunks of a lane that one claim reads because they were deferred, the first ones due. */
const MAX_DEFERRED_CHUNKS = 256;

/** A lane that this claim has locked. */
export interface LockedLane {
  id: number;
  host: string;
  /** The most tokens of this claim. */
  room: number;
  onlyInteractive: boolean;
  hostLimit: number;
  /** The number of the claim, the same for all lanes. */
  fetchSeq: string;
}

export interface DueChunkRow extends DueChunk {
  laneId: number;
  source: MetadataLocation;
  trigger: RefreshTrigger;
  /** Its documents are staged for this reveal; null: they are written to the records. */
  revealId: string | null;
  acceptedSeq: string;
  /** The span that accepted the refresh; null: it is not traced. */
  traceparent: string | null;
  claimCount: number;
  attemptCount: number;
}

/** Tokens of one chunk that were claimed, and the chunk that has them now. */
export interface ClaimedPart {
  chunk: DueChunkRow;
  chunkId: string;
  claimCount: number;
  lostCount: number;
  tokenIds: readonly string[];
}

export interface ClaimLimits {
  onlyInteractive: boolean;
  /** The most tokens of the claim. */
  limit: number;
  /** Of hosts that have no limit of their own, nor their lanes. */
  hostConcurrency: number;
}

/**
 * Locks the lanes that this claim serves: those with due chunks, the least recently served first. Hosts that are not in the
 * list are new to this worker; hosts in cooldown are skipped. The lock keeps other claims out of the lane until the commit, and
 * SKIP LOCKED lets them pass without waiting.
 */
export async function lockLanes(
  em: EntityManager,
  demand: readonly HostDemand[],
  { onlyInteractive, limit, hostConcurrency }: ClaimLimits,
): Promise<LockedLane[]> {
  const { rows } = await sql<Omit<LockedLane, 'room'> & { room: number | null }>`
    with recursive ${ACTIVE_LANES}, host as materialized (
      select * from unnest(
        ${demand.map(({ host }) => host)}::text[], ${demand.map(({ tokens }) => tokens)}::int[],
        ${demand.map((of) => of.onlyInteractive)}::boolean[]
      ) as host (name, room, only_interactive)
    ), chosen as materialized (
      select lane.id, lane.host, host.room, size_limit.only_interactive,
        coalesce(
          (select host_concurrency from nft_metadata.metadata_hosts where host = lane.host),
          (select min(host_concurrency) from nft_metadata.lanes as other where other.host = lane.host)
        ) as host_limit
      from nft_metadata.lanes as lane
      left join host on host.name = lane.host
      cross join lateral (select coalesce(host.only_interactive, ${onlyInteractive}::boolean) as only_interactive) as size_limit
      where lane.id = any(array(select lane_id from active))
        and (host.room > 0) is not false
        and lane.host <> all(array(select host from nft_metadata.metadata_hosts where cooldown_until > now()))
        -- A scalar subquery runs lane by lane, and only until enough lanes are found. "order by": else the planner may read the whole
        -- table for the first row, where a lane has nearly all chunks, and none of this size.
        and (
          select true from unnest(case when size_limit.only_interactive then '{0}' else '{0,1,2,3}' end::smallint[]) as size (priority)
          where (
            select true from nft_metadata.refresh_chunks
            where lane_id = lane.id and priority = size.priority and due_at <= now() and not is_paused
            order by due_at, id limit 1
          )
          limit 1
        )
      order by lane.served_at, lane.id
      limit ${LANES_PER_CLAIM}
      -- "no key": transactions that add chunks hold key-share locks on the lane, which do not conflict with it.
      for no key update of lane skip locked
    ), served as (
      update nft_metadata.lanes set served_at = clock_timestamp() where id = any(array(select id from chosen))
    )
    select id, host, room, only_interactive as "onlyInteractive", coalesce(host_limit, ${hostConcurrency}::int) as "hostLimit",
      -- A subquery without references: one number for all rows.
      (select nextval('nft_metadata.fetch_seq'))::text as "fetchSeq"
    from chosen`.execute(em.getKysely());
  const lanesOf = (host: string) => rows.filter((lane) => lane.host === host).length;
  return rows.map((lane) => ({
    ...lane,
    room: Math.max(
      1,
      Math.min(Math.floor((lane.room ?? MIN_PREFETCH) / lanesOf(lane.host)), Math.floor(limit / rows.length)),
    ),
  }));
}

/**
 * Reads and locks the first due chunks of each lane and size, as many as have tokens for the room of the lane. Runs in a
 * statement of its own after `lockLanes`: only a snapshot that is newer than the lock has the claims that were committed before.
 * Chunks that a completion or a cancellation has locked are skipped, and those of refreshes that are paused or cancelled, from the
 * commit of the pause on, before RefreshSweep has changed their chunks; and those of a collection that is being revealed, whichever
 * project has requested them. Low priority has a turn when no other size is due.
 *
 * Chunks that were deferred are read too, of all sizes, if the claim may take a token of theirs for another refresh. Otherwise, a token
 * that is requested again and again would be in flight each time they have their turn, and their refreshes would never end.
 */
export async function readDueChunks(em: EntityManager, lanes: readonly LockedLane[]): Promise<DueChunkRow[]> {
  type Row = Omit<DueChunkRow, 'tokenIds' | 'inFlight'> & { tokenIds: string; inFlight: string | null };
  const { rows } = await sql<Row>`
    with lane as materialized (
      select * from unnest(
        ${lanes.map(({ id }) => id)}::int[], ${lanes.map(({ room }) => room)}::int[],
        ${lanes.map(({ onlyInteractive }) => onlyInteractive)}::boolean[]
      ) as lane (id, room, only_interactive)
    ), stopped as materialized (
      select id from nft_metadata.refreshes where ${isBeingStopped}
      union all
      -- Those of a collection whose records are being replaced together, of whichever project: results would have to wait for that.
      select pending.id from nft_metadata.reveals as reveal
      cross join lateral (
        -- Those that are not completed, in the words of the index "refreshes_pending": with old statistics, the planner would read the
        -- pending refreshes of all collections in another one.
        select id from nft_metadata.refreshes
        where collection_id = reveal.collection_id and coalesce(completed_at, 'infinity') = 'infinity'
        offset 0
      ) as pending
      where reveal.job is not null
    ), first as materialized (
      select candidate.id
      from lane
      cross join lateral unnest(case
        when lane.only_interactive then '{0}'
        when not exists (
          select from nft_metadata.refresh_chunks
          where lane_id = lane.id and priority = 3 and due_at <= now() and not is_paused
          order by due_at, id limit 1
        ) or (
          select true from unnest('{0,1,2}'::smallint[]) as size (priority)
          where (
            select true from nft_metadata.refresh_chunks
            where lane_id = lane.id and priority = size.priority and due_at <= now() and not is_paused
              and ${isNotStopped}
            order by due_at, id limit 1
          )
          limit 1
        ) then '{0,1,2}'
        else '{3}'
      end::smallint[]) as size (priority)
      cross join lateral (
        select id, sum(token_count) over (order by due_at, id) - token_count as tokens_before
        from (
          select id, due_at, token_count from nft_metadata.refresh_chunks
          where lane_id = lane.id and priority = size.priority and due_at <= now() and not is_paused
            and ${isNotStopped}
          order by due_at, id
          limit lane.room
        ) as due
      ) as candidate
      where candidate.tokens_before < lane.room
    ), locked as materialized (
      -- Not a join: the planner does not know the limit of each lane, and would read the whole table where many chunks are due.
      -- "not is_paused" again: the sweep may have paused a chunk since this snapshot.
      select * from nft_metadata.refresh_chunks where id = any(array(select id from first)) and not is_paused
      order by due_at, id
      for no key update skip locked
    ), due as materialized (
      select locked.*, refresh.collection_id, refresh.source, refresh.trigger, refresh.reveal_id, refresh.accepted_seq,
        refresh.traceparent
      from locked join nft_metadata.refreshes as refresh on refresh.id = locked.refresh_id
    ), wanted as materialized (
      select lane_id, collection_id, array_agg(distinct refresh_id) as refresh_ids, min(first_token_id) as first_token_id,
        max(last_token_id) as last_token_id
      from due group by lane_id, collection_id
    ), in_flight as materialized (
      select chunk.lane_id, refresh.collection_id, unnest(chunk.token_ids) as token_id
      from (
        -- "offset 0": chunks first. With old statistics, the planner would read all chunks of all refreshes for this join.
        select lane_id, refresh_id, token_ids, first_token_id, last_token_id from nft_metadata.refresh_chunks
        where lane_id = any(${lanes.map(({ id }) => id)}::int[]) and is_claimed and due_at > now()
        offset 0
      ) as chunk
      join nft_metadata.refreshes as refresh on refresh.id = chunk.refresh_id
      join wanted on wanted.lane_id = chunk.lane_id and wanted.collection_id = refresh.collection_id
        and chunk.first_token_id <= wanted.last_token_id and chunk.last_token_id >= wanted.first_token_id
        -- A token is in one chunk of its refresh.
        and wanted.refresh_ids <> array[chunk.refresh_id]
    ), free as materialized (
      -- Computed only if chunks were deferred.
      select due.lane_id, due.collection_id, one.token_id from due cross join unnest(due.token_ids) as one (token_id)
      where ((due.lane_id, due.collection_id, one.token_id) in (select lane_id, collection_id, token_id from in_flight)) is not true
    ), joining as materialized (
      select * from nft_metadata.refresh_chunks
      where id = any(array(
        select chunk.id
        from lane
        cross join lateral (
          select id, refresh_id, lane_id, token_ids, first_token_id, last_token_id from nft_metadata.refresh_chunks
          where lane_id = lane.id and is_deferred and not is_claimed and not is_paused
            -- Not only until they are due: then they may have to wait for their turn. "is not true": one hash table.
            and (id in (select id from first)) is not true and ${isNotStopped}
          order by due_at, id
          -- Before the conditions on tokens: however many chunks were deferred, no more are read.
          limit ${MAX_DEFERRED_CHUNKS}
        ) as chunk
        -- "offset 0": chunks first. Else the planner may read them again for each refresh of the collection.
        cross join lateral (
          select collection_id from nft_metadata.refreshes where id = chunk.refresh_id offset 0
        ) as refresh
        join wanted on wanted.lane_id = chunk.lane_id and wanted.collection_id = refresh.collection_id
          and chunk.first_token_id <= wanted.last_token_id and chunk.last_token_id >= wanted.first_token_id
        where exists (
          select from unnest(chunk.token_ids) as one (token_id)
          where ((chunk.lane_id, refresh.collection_id, one.token_id) in (select lane_id, collection_id, token_id from free)) is true
        )
      )) and not is_paused
      order by due_at, id
      for no key update skip locked
    ), chosen as (
      select due.*, false as is_joining from due
      union all
      select joining.*, refresh.collection_id, refresh.source, refresh.trigger, refresh.reveal_id, refresh.accepted_seq,
        refresh.traceparent, true
      from joining join nft_metadata.refreshes as refresh on refresh.id = joining.refresh_id
    )
    select id::text as id, lane_id as "laneId", priority, refresh_id as "refreshId", collection_id as "collectionId", source,
      trigger, reveal_id as "revealId", accepted_seq::text as "acceptedSeq", traceparent, claim_count as "claimCount", attempt_count as "attemptCount",
      lost_count as "lostCount", is_claimed as "isLost", is_joining as "isJoining", array_to_string(token_ids, ',') as "tokenIds",
      (
        select string_agg(one.token_id::text, ',') from unnest(chosen.token_ids) as one (token_id)
        -- "is true": the tokens in flight become one hash table. Without it, they are joined with each chunk again.
        where not is_joining and ((chosen.lane_id, chosen.collection_id, one.token_id) in (select lane_id, collection_id, token_id from in_flight)) is true
      ) as "inFlight"
    from chosen
    order by due_at, chosen.id`.execute(em.getKysely());
  return rows.map((row) => ({
    ...row,
    tokenIds: row.tokenIds.split(','),
    inFlight: new Set(row.inFlight?.split(',')),
  }));
}

/**
 * "coalesce" keeps the planner from an estimate of its own: where one refresh has nearly all chunks, it would expect that none is left,
 * and read the whole table instead of the first chunks in the index of the queue.
 */
const isNotStopped = sql`coalesce(refresh_id <> all(array(select id from stopped)), true)`;

/** Writes the claim: one update of all rows that stay, one insert of all parts that are split off. */
export async function writeClaim(
  em: EntityManager,
  divided: readonly DividedChunk<DueChunkRow>[],
  leaseSeconds: number,
): Promise<ClaimedPart[]> {
  if (divided.length === 0) return [];
  const dueIn = { claimed: leaseSeconds, deferred: DEFERRAL_SECONDS, due: null };
  const kept = divided.map(({ chunk, parts: [part] }) => ({
    chunk,
    part,
    // A worker that lost the chunk must not write results into what is left of it.
    claimCount: chunk.claimCount + Number(part.state === 'claimed' || chunk.isLost),
  }));
  const split = divided.flatMap(({ chunk, parts: [, ...others] }) => others.map((part) => ({ chunk, part })));
  const { rows } = await sql<{ id: string; refreshId: string; firstTokenId: string }>`
    with kept as materialized (
      select * from unnest(
        ${kept.map(({ chunk }) => chunk.id)}::bigint[],
        ${kept.map(({ chunk, part }) => (part.tokenIds.length === chunk.tokenIds.length ? null : arrayOf(part)))}::text[],
        ${kept.map(({ part }) => dueIn[part.state])}::float8[], ${kept.map(({ part }) => part.state === 'claimed')}::boolean[],
        ${kept.map(({ part }) => part.state === 'deferred')}::boolean[], ${kept.map(({ claimCount }) => claimCount)}::int[],
        ${kept.map(({ part }) => part.lostCount)}::int[]
      ) as kept (id, token_ids, due_in, is_claimed, is_deferred, claim_count, lost_count)
    ), updated as (
      update nft_metadata.refresh_chunks as chunk
      set token_ids = coalesce(kept.token_ids::numeric[], chunk.token_ids),
        due_at = case when kept.due_in is null then chunk.due_at else now() + kept.due_in * interval '1 second' end,
        is_claimed = kept.is_claimed, claim_count = kept.claim_count, lost_count = kept.lost_count,
        is_deferred = case when kept.due_in is null then chunk.is_deferred else kept.is_deferred end
      from kept
      where chunk.id = any(${kept.map(({ chunk }) => chunk.id)}::bigint[]) and chunk.id = kept.id
    )
    insert into nft_metadata.refresh_chunks
      (refresh_id, lane_id, priority, due_at, is_claimed, is_deferred, claim_count, lost_count, attempt_count, token_ids)
    select refresh_id, lane_id, priority, now() + coalesce(due_in, 0) * interval '1 second', is_claimed, is_deferred,
      is_claimed::int, lost_count, attempt_count, token_ids::numeric[]
    from unnest(
      ${split.map(({ chunk }) => chunk.refreshId)}::uuid[], ${split.map(({ chunk }) => chunk.laneId)}::int[],
      ${split.map(({ chunk }) => chunk.priority)}::smallint[], ${split.map(({ part }) => dueIn[part.state])}::float8[],
      ${split.map(({ part }) => part.state === 'claimed')}::boolean[],
      ${split.map(({ part }) => part.state === 'deferred')}::boolean[], ${split.map(({ part }) => part.lostCount)}::int[],
      ${split.map(({ chunk }) => chunk.attemptCount)}::smallint[], ${split.map(({ part }) => arrayOf(part))}::text[]
    ) as split (refresh_id, lane_id, priority, due_in, is_claimed, is_deferred, lost_count, attempt_count, token_ids)
    returning id::text as id, refresh_id as "refreshId", first_token_id::text as "firstTokenId"`.execute(
    em.getKysely(),
  );
  // A token is in one chunk of its refresh.
  const idOf = new Map(rows.map(({ id, refreshId, firstTokenId }) => [`${refreshId}/${firstTokenId}`, id]));
  return [
    ...kept.map(({ chunk, part, claimCount }) => ({ chunk, part, claimCount, chunkId: chunk.id })),
    ...split.map(({ chunk, part }) => {
      return { chunk, part, claimCount: 1, chunkId: idOf.get(`${chunk.refreshId}/${part.tokenIds[0]}`)! };
    }),
  ].flatMap(({ chunk, part: { state, tokenIds, lostCount }, ...claimed }) =>
    state === 'claimed' ? [{ ...claimed, chunk, lostCount, tokenIds }] : [],
  );
}

function arrayOf({ tokenIds }: { tokenIds: readonly string[] }): string {
  return `{${tokenIds.join(',')}}`;
}
