import type { EntityManager } from '@mikro-orm/postgresql';
import { sql } from 'kysely';

export interface LockedCollection {
  isBeingRemoved: boolean;
  /** Rows of `nft_metadata.tokens`. */
  tokens: number;
}

/**
 * Locks a collection before its tokens are registered or deleted. Triggers on `tokens` update this row at the end of the
 * statement; two transactions that met at a token first and here afterwards would deadlock. Returns null when there is no
 * such collection.
 */
export async function lockCollection(em: EntityManager, collectionId: string): Promise<LockedCollection | null> {
  const { rows } = await sql<{ isBeingRemoved: boolean; tokens: string }>`
    select removed_at is not null as "isBeingRemoved", token_count::text as tokens
    from nft_metadata.collections where id = ${collectionId}::uuid for no key update`.execute(em.getKysely());
  const [row] = rows;
  return row ? { ...row, tokens: Number(row.tokens) } : null;
}
