import type { EntityManager } from '@mikro-orm/postgresql';
import { sql, type RawBuilder } from 'kysely';

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

/** Waits while all records of the collection are being replaced. */
export async function shareContent(em: EntityManager, collectionId: string): Promise<void> {
  await sql`select pg_advisory_xact_lock_shared(${keyOf(sql`${collectionId}`)})`.execute(em.getKysely());
}

/** Waits for nobody. Returns the collections whose records are not being replaced, and are not about to be. */
export async function tryShareContents(em: EntityManager, collectionIds: readonly string[]): Promise<Set<string>> {
  const { rows } = await sql<{ id: string }>`
    select id from unnest(${collectionIds}::text[]) as id
    where pg_try_advisory_xact_lock_shared(${keyOf(sql`id`)})`.execute(em.getKysely());
  return new Set(rows.map(({ id }) => id));
}
