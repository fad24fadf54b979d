import type { EntityManager } from '@mikro-orm/postgresql';
import { sql } from 'kysely';
import { VERDICTS } from '../verdict.js';

/**
 * For `where` on `refreshes` beside a condition on `sweep_due_at`. Not "is null": with statistics of a time without pending refreshes, the
 * planner would read all of these in `refreshes_running`, instead of the few in `refreshes_sweep`.
 */
export const isNotCompleted = sql`num_nulls(completed_at) = 1`;

/**
 * For `where` on `refreshes`: those whose chunks no claim takes, although some may not be paused yet. The sweep looks at such a
 * refresh every few seconds. When all chunks of a paused refresh are paused too, it looks again only after weeks: however many refreshes
 * are paused, claims read only those that have just been stopped.
 */
export const isBeingStopped = sql`
  ${isNotCompleted} and sweep_due_at <= now() + interval '1 minute' and (paused_at is not null or cancelled_at is not null)`;

/** Chunks of one refresh, in the order of their tokens. */
export interface ChunkBatch {
  /** The most chunks. */
  limit: number;
  /** Only chunks whose last token is after this one. */
  after?: string | undefined;
}

/** What `cancelChunks` did. */
export interface CancelledChunks {
  chunks: number;
  tokens: number;
  /** Those of the tokens that no worker had begun. */
  unbegun: number;
  /** The last token of the last chunk; null without chunks. */
  lastTokenId: string | null;
}

/**
 * Turns chunks of one refresh into results with the verdict `cancelled`, which the caller counts. Chunks that a worker holds are left
 * out until their lease expires. Chunks that another transaction has locked are skipped, because a completion locks chunks after
 * token records.
 */
export async function cancelChunks(
  em: EntityManager,
  refreshId: string,
  { limit, after }: ChunkBatch,
): Promise<CancelledChunks> {
  const { rows } = await sql<CancelledChunks>`
    with chosen as materialized (
      select id, token_ids, last_token_id, token_count, attempt_count,
        -- A chunk that is still claimed, or was lost before, may have been fetched by a worker that died.
        not is_claimed and attempt_count = 0 and lost_count = 0 as is_unbegun
      from nft_metadata.refresh_chunks
      where refresh_id = ${refreshId}::uuid and not (is_claimed and due_at > now())
        and last_token_id > ${after ?? -1}::numeric
      order by last_token_id
      limit ${limit}
      for update skip locked
    ), removed as (
      delete from nft_metadata.refresh_chunks where id = any(array(select id from chosen))
    ), results as (
      insert into nft_metadata.refresh_results (refresh_id, finished_at, attempts, verdict, token_id)
      select ${refreshId}::uuid, now(), attempt_count, ${VERDICTS.cancelled}::"char", token_id
      from chosen cross join lateral unnest(token_ids) as one (token_id)
    )
    select count(*)::int as chunks, coalesce(sum(token_count), 0)::int as tokens,
      coalesce(sum(token_count) filter (where is_unbegun), 0)::int as unbegun, max(last_token_id)::text as "lastTokenId"
    from chosen`.execute(em.getKysely());
  return rows[0]!;
}

/** Locks chunks whose `is_paused` is not `isPaused`, without those that another transaction has locked. Returns their ids. */
export async function lockChunksToPause(
  em: EntityManager,
  refreshId: string,
  isPaused: boolean,
  limit: number,
): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    select id::text as id from nft_metadata.refresh_chunks
    where refresh_id = ${refreshId}::uuid and is_paused <> ${isPaused}::boolean
    order by last_token_id
    limit ${limit}
    for no key update skip locked`.execute(em.getKysely());
  return rows.map(({ id }) => id);
}

/** Their `due_at` stays as it is. */
export async function setChunksPaused(
  em: EntityManager,
  chunkIds: readonly string[],
  isPaused: boolean,
): Promise<void> {
  await sql`
    update nft_metadata.refresh_chunks set is_paused = ${isPaused}::boolean
    where id = any(${chunkIds}::bigint[])`.execute(em.getKysely());
}

/** Whether `is_paused` of every chunk of the refresh is `isPaused`. */
export async function areAllPaused(em: EntityManager, refreshId: string, isPaused: boolean): Promise<boolean> {
  const { rows } = await sql`
    select from nft_metadata.refresh_chunks
    where refresh_id = ${refreshId}::uuid and is_paused <> ${isPaused}::boolean
    limit 1`.execute(em.getKysely());
  return rows.length === 0;
}
