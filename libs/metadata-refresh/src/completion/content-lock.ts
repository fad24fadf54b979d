import { isCancelledStatement } from '@app/database';
import type { EntityManager } from '@mikro-orm/postgresql';
import { sql, type RawBuilder } from 'kysely';
import { CollectionBusy } from '../metadata-refresh.errors.js';

/**
 * The lock on the content of all records of a collection, until the end of the transaction. Who writes single records shares it; who
 * replaces many of them together has it alone. It is taken before any row is locked. In the same database only, and without a row of its
 * own.
 */
const keyOf = (collectionId: RawBuilder<unknown>) =>
  sql`hashtextextended('nft_metadata.collections content ' || ${collectionId}::text, 0)`;

/** Waits until nobody else has the lock. From then on, nobody gets it until the end of the transaction. */
export async function lockContent(em: EntityManager, collectionId: string): Promise<void> {
  await sql`select pg_advisory_xact_lock(${keyOf(sql`${collectionId}`)})`.execute(em.getKysely());
}

/** Waits while all records of the collection are being replaced. Throws CollectionBusy if that takes longer than a statement may. */
export async function shareContent(em: EntityManager, { id, address }: { id: string; address: string }): Promise<void> {
  try {
    await sql`select pg_advisory_xact_lock_shared(${keyOf(sql`${id}`)})`.execute(em.getKysely());
  } catch (error) {
    // It does nothing but wait.
    if (isCancelledStatement(error)) throw new CollectionBusy(address, { cause: error });
    throw error;
  }
}

/** Waits for nobody. Returns the collections whose records are not being replaced, and are not about to be. */
export async function tryShareContents(em: EntityManager, collectionIds: readonly string[]): Promise<Set<string>> {
  const { rows } = await sql<{ id: string }>`
    select id from unnest(${collectionIds}::text[]) as id
    where pg_try_advisory_xact_lock_shared(${keyOf(sql`id`)})`.execute(em.getKysely());
  return new Set(rows.map(({ id }) => id));
}
