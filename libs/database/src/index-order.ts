import type { EntityManager } from '@mikro-orm/postgresql';
import { sql } from 'kysely';

/**
 * Until the end of the transaction, `order by` with a limit reads an index that has this order, and no more of it than the limit.
 * Otherwise the planner reads and sorts all rows where it expects few: statistics know nothing of what was just written.
 */
export async function readInIndexOrder(em: EntityManager): Promise<void> {
  await sql`
    select set_config('enable_sort', 'off', true), set_config('enable_bitmapscan', 'off', true),
      set_config('enable_seqscan', 'off', true)`.execute(em.getKysely());
}
