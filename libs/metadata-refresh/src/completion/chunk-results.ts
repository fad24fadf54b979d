import type { EntityManager } from '@mikro-orm/postgresql';
import { sql } from 'kysely';
import type { AttemptedRequest } from './item-result.js';
import type { TokenError } from './token-error.js';
import { compareTokenIds } from '../token-id-order.js';
import type { Verdict } from '../verdict.js';

/**
 * The claim under which a worker holds tokens of a chunk. With its refresh: a standby that is promoted without the last transactions
 * gives the ids of lost chunks to others.
 */
interface ClaimedChunk {
  chunkId: string;
  refreshId: string;
  claimCount: number;
}

/** How a token of a refresh ended. */
export interface TokenResult {
  refreshId: string;
  tokenId: string;
  verdict: Verdict;
  attempts: number;
  /** Of the record that the result is about; null: the token failed, or the store does not tell versions. */
  metadataVersion: number | null;
  /** With the verdicts `failed` and `cancelled`. */
  error: TokenError | null;
}

/** A token of a chunk that is final. */
export interface FinalToken extends ClaimedChunk, TokenResult {
  kind: 'final';
}

/** A token that stays pending: it is due again after the delay. */
interface PendingToken extends ClaimedChunk {
  kind: 'retry' | 'requeue';
  tokenId: string;
  /** `retry`: seconds until the next attempt. `requeue`: 0, and the attempt does not count. */
  delaySeconds: number;
}

export type FinishedToken = FinalToken | PendingToken;

export interface AttemptRow extends AttemptedRequest {
  collectionId: string;
  tokenId: string;
  refreshId: string;
  attempt: number;
}

/** Tokens that leave a chunk. */
interface Leaving extends ClaimedChunk {
  tokenIds: string[];
}

/**
 * Removes tokens from their chunks. Returns whether the chunks had all of them under these claims (the fence): if not, roll
 * back, because a worker whose lease has expired must not write results. What is left of a chunk is computed here, from the
 * locked row: another batch may have removed other tokens since this one was assembled. Tokens that stay pending move to a chunk
 * of their own, one for each chunk and second of delay, so that jitter does not make chunks of one token. It is paused if their
 * chunk was.
 */
export async function removeFromChunks(em: EntityManager, tokens: readonly FinishedToken[]): Promise<boolean> {
  const chunks = leavingChunks(tokens);
  const moves = movesOf(tokens);
  const ids = chunks.map(({ chunkId }) => chunkId);
  const { rows } = await sql<ClaimedChunk & { removed: number }>`
    with leaving_chunks as materialized (
      select id, refresh_id, claim_count, leaving::numeric[] as leaving
      from unnest(
        ${ids}::bigint[], ${chunks.map(({ refreshId }) => refreshId)}::uuid[],
        ${chunks.map(({ claimCount }) => claimCount)}::int[], ${chunks.map(arrayOf)}::text[]
      ) as leaving_chunks (id, refresh_id, claim_count, leaving)
    ), locked as materialized (
      select chunk.id, chunk.claim_count, chunk.refresh_id, chunk.lane_id, chunk.priority, chunk.is_paused, chunk.lost_count,
        chunk.attempt_count, chunk.token_ids, leaving_chunks.leaving
      from nft_metadata.refresh_chunks as chunk
      join leaving_chunks on leaving_chunks.id = chunk.id and leaving_chunks.claim_count = chunk.claim_count
        and leaving_chunks.refresh_id = chunk.refresh_id
      where chunk.id = any(${ids}::bigint[])
      order by chunk.id
      for update of chunk
    ), remaining as materialized (
      select *, case when token_ids = leaving then '{}'
        else array(select still from unnest(token_ids) as still where still <> all(leaving)) end as left_ids
      from locked
    ), removed as (
      delete from nft_metadata.refresh_chunks where id = any(array(select id from remaining where left_ids = '{}'))
    ), shortened as (
      update nft_metadata.refresh_chunks as chunk
      set token_ids = remaining.left_ids
      from remaining
      where chunk.id = any(array(select id from remaining where left_ids <> '{}')) and chunk.id = remaining.id
    ), moved as (
      insert into nft_metadata.refresh_chunks
        (refresh_id, lane_id, priority, due_at, is_paused, lost_count, attempt_count, token_ids)
      select refresh_id, lane_id, priority, now() + delay_seconds * interval '1 second', is_paused,
        -- Not counted as an attempt, so it has to be bounded as a lost claim.
        case when is_attempt then 0 else lost_count + 1 end, attempt_count + is_attempt::int, moved_ids::numeric[]
      from unnest(
        ${moves.map(({ chunkId }) => chunkId)}::bigint[], ${moves.map(({ kind }) => kind === 'retry')}::boolean[],
        ${moves.map(({ delaySeconds }) => delaySeconds)}::float8[], ${moves.map(arrayOf)}::text[]
      ) as move (chunk_id, is_attempt, delay_seconds, moved_ids)
      join remaining on remaining.id = move.chunk_id
    )
    select id::text as "chunkId", refresh_id as "refreshId", claim_count as "claimCount", cardinality(token_ids) - cardinality(left_ids) as removed
    from remaining`.execute(em.getKysely());
  const removed = new Map(rows.map((row) => [keyOf(row), row.removed]));
  return chunks.every((chunk) => removed.get(keyOf(chunk)) === chunk.tokenIds.length);
}

/** Those of these tokens that are still claimed under the same claim. Locks nothing. */
export async function stillClaimed<Token extends ClaimedChunk & { tokenId: string }>(
  em: EntityManager,
  tokens: readonly Token[],
): Promise<Token[]> {
  const { rows } = await sql<ClaimedChunk & { tokenIds: string }>`
    select id::text as "chunkId", refresh_id as "refreshId", claim_count as "claimCount", array_to_string(token_ids, ',') as "tokenIds"
    from nft_metadata.refresh_chunks
    where id = any(${[...new Set(tokens.map(({ chunkId }) => chunkId))]}::bigint[])`.execute(em.getKysely());
  const claimed = new Map(rows.map((chunk) => [keyOf(chunk), new Set(chunk.tokenIds.split(','))]));
  // "delete": a token has one result.
  return tokens.filter((token) => claimed.get(keyOf(token))?.delete(token.tokenId));
}

/** Appends the receipts of final tokens, and why they failed. */
export async function insertResults(em: EntityManager, tokens: readonly TokenResult[]): Promise<void> {
  if (tokens.length === 0) return;
  // In the order of the primary key: neighbours are inserted into the same pages of the index.
  const rows = tokens.toSorted(
    (one, other) => compare(one.refreshId, other.refreshId) || compareTokenIds(one.tokenId, other.tokenId),
  );
  await sql`
    insert into nft_metadata.refresh_results (refresh_id, finished_at, metadata_version, attempts, verdict, token_id)
    select refresh_id, now(), metadata_version, attempts, verdict::"char", token_id
    from unnest(
      ${rows.map(({ refreshId }) => refreshId)}::uuid[],
      ${rows.map(({ metadataVersion }) => metadataVersion)}::int[], ${rows.map(({ attempts }) => attempts)}::smallint[],
      ${rows.map(({ verdict }) => verdict)}::text[], ${rows.map(({ tokenId }) => tokenId)}::numeric[]
    ) as result (refresh_id, metadata_version, attempts, verdict, token_id)`.execute(em.getKysely());
  const failed = rows.flatMap(({ refreshId, tokenId, error }) => (error ? [{ refreshId, tokenId, ...error }] : []));
  if (failed.length === 0) return;
  await sql`
    insert into nft_metadata.refresh_errors
      (refresh_id, token_id, metadata_url, status_code, body, error_code, reason, created_at)
    select refresh_id, token_id, metadata_url, status_code, body, error_code, reason, now()
    from unnest(
      ${failed.map(({ refreshId }) => refreshId)}::uuid[], ${failed.map(({ tokenId }) => tokenId)}::numeric[],
      ${failed.map(({ metadataUrl }) => metadataUrl)}::text[], ${failed.map(({ statusCode }) => statusCode)}::int[],
      ${failed.map(({ body }) => body)}::text[], ${failed.map(({ errorCode }) => errorCode)}::text[],
      ${failed.map(({ reason }) => reason)}::text[]
    ) as error (refresh_id, token_id, metadata_url, status_code, body, error_code, reason)`.execute(em.getKysely());
}

export async function insertAttempts(em: EntityManager, attempts: readonly AttemptRow[]): Promise<void> {
  if (attempts.length === 0) return;
  await sql`
    insert into nft_metadata.refresh_attempts
      (collection_id, token_id, refresh_id, attempt, url, outcome, status_code, reason, duration_ms, bytes, attempted_at)
    select collection_id, token_id, refresh_id, attempt, url, outcome, status_code, reason, duration_ms, bytes, now()
    from unnest(
      ${attempts.map(({ collectionId }) => collectionId)}::uuid[], ${attempts.map(({ tokenId }) => tokenId)}::numeric[],
      ${attempts.map(({ refreshId }) => refreshId)}::uuid[], ${attempts.map(({ attempt }) => attempt)}::smallint[],
      ${attempts.map(({ url }) => url)}::text[], ${attempts.map(({ outcome }) => outcome)}::text[],
      ${attempts.map(({ statusCode }) => statusCode)}::int[], ${attempts.map(({ reason }) => reason)}::text[],
      ${attempts.map(({ durationMs }) => durationMs)}::int[], ${attempts.map(({ bytes }) => bytes)}::int[]
    ) as request (
      collection_id, token_id, refresh_id, attempt, url, outcome, status_code, reason, duration_ms, bytes
    )`.execute(em.getKysely());
}

function leavingChunks(tokens: readonly FinishedToken[]): Leaving[] {
  const chunks = new Map<string, Leaving>();
  for (const token of tokens) {
    const { chunkId, refreshId, claimCount, tokenId } = token;
    const chunk = chunks.get(keyOf(token));
    if (chunk) chunk.tokenIds.push(tokenId);
    else chunks.set(keyOf(token), { chunkId, refreshId, claimCount, tokenIds: [tokenId] });
  }
  for (const { tokenIds } of chunks.values()) tokenIds.sort(compareTokenIds);
  return [...chunks.values()];
}

interface Move {
  chunkId: string;
  kind: PendingToken['kind'];
  delaySeconds: number;
  tokenIds: string[];
}

function movesOf(tokens: readonly FinishedToken[]): Move[] {
  const moves = new Map<string, Move>();
  for (const token of tokens) {
    if (token.kind === 'final') continue;
    const { chunkId, kind, delaySeconds, tokenId } = token;
    const key = `${chunkId}/${kind}/${Math.ceil(delaySeconds)}`;
    const move = moves.get(key);
    if (!move) {
      moves.set(key, { chunkId, kind, delaySeconds, tokenIds: [tokenId] });
      continue;
    }
    move.tokenIds.push(tokenId);
    // Never earlier than the host has asked for.
    move.delaySeconds = Math.max(move.delaySeconds, delaySeconds);
  }
  for (const { tokenIds } of moves.values()) tokenIds.sort(compareTokenIds);
  return [...moves.values()];
}

function arrayOf({ tokenIds }: { tokenIds: readonly string[] }): string {
  return `{${tokenIds.join(',')}}`;
}

function keyOf({ chunkId, refreshId, claimCount }: ClaimedChunk): string {
  return `${chunkId}/${refreshId}/${claimCount}`;
}

function compare(one: string, other: string): number {
  return one < other ? -1 : Number(one > other);
}
