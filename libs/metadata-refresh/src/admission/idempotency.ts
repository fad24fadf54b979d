import { createHash } from 'node:crypto';
import type { EntityManager } from '@mikro-orm/postgresql';
import { sql } from 'kysely';
import { IdempotencyKeyReused } from '../metadata-refresh.errors.js';

/** A request that may be sent again: the same key and the same body get the receipt of the first one. */
export interface Idempotency {
  /** Where it was sent. A key of one route says nothing about another. */
  route: string;
  /** 1–255 printable characters. */
  key: string;
  /** The validated body: JSON, and Dates. The order of its keys does not matter. */
  body: unknown;
}

/** How long a receipt is kept. */
const RETENTION = sql`interval '24 hours'`;

/** Another request with the key was accepted since the key was looked up. */
export class KeyTaken extends Error {
  override readonly name = 'KeyTaken';
}

/** The id of the refresh that was accepted with this key; null: none was. Throws IdempotencyKeyReused for another body. */
export async function findReceipt(
  em: EntityManager,
  projectId: string,
  { route, key, body }: Idempotency,
): Promise<string | null> {
  const { rows } = await sql<{ refreshId: string; bodyHash: string }>`
    select refresh_id as "refreshId", body_hash as "bodyHash" from nft_metadata.idempotency_keys
    where project_id = ${projectId} and route = ${route} and key = ${key} and created_at > now() - ${RETENTION}`.execute(
    em.getKysely(),
  );
  const [first] = rows;
  if (!first) return null;
  if (first.bodyHash !== hashOf(body)) throw new IdempotencyKeyReused(key);
  return first.refreshId;
}

/**
 * Saves the receipt in the transaction that accepts the refresh. Waits for a transaction of another process that has saved the same
 * key, and throws KeyTaken when that one commits.
 */
export async function saveReceipt(
  em: EntityManager,
  projectId: string,
  { route, key, body }: Idempotency,
  refreshId: string,
): Promise<void> {
  const { rows } = await sql`
    insert into nft_metadata.idempotency_keys as known (project_id, route, key, body_hash, refresh_id, created_at)
    values (${projectId}, ${route}, ${key}, ${hashOf(body)}, ${refreshId}::uuid, now())
    on conflict (project_id, route, key) do update
    set body_hash = excluded.body_hash, refresh_id = excluded.refresh_id, created_at = excluded.created_at
    where known.created_at <= now() - ${RETENTION}
    returning key`.execute(em.getKysely());
  if (rows.length === 0) throw new KeyTaken();
}

/** Deletes expired receipts, at most `limit`. Returns how many. */
export async function deleteExpiredReceipts(em: EntityManager, limit: number): Promise<number> {
  const { numAffectedRows = 0n } = await sql`
    delete from nft_metadata.idempotency_keys where ctid = any(array(
      select ctid from nft_metadata.idempotency_keys
      where created_at <= now() - ${RETENTION}
      order by created_at
      limit ${limit}
      for update skip locked
    ))`.execute(em.getKysely());
  return Number(numAffectedRows);
}

function hashOf(body: unknown): string {
  return createHash('sha256').update(JSON.stringify(body, sortKeys)).digest('base64url');
}

/** For JSON.stringify. Dates are strings by then. */
function sortKeys(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).toSorted(([one], [other]) => (one < other ? -1 : 1)));
}
