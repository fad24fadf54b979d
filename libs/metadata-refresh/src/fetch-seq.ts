import type { EntityManager } from '@mikro-orm/postgresql';
import { sql } from 'kysely';

/**
 * The number of a write without a fetch, in the order of all fetches: those that were claimed before are superseded. Draw it while its
 * records are locked: then no other write of them can have a larger one.
 */
export async function nextFetchSeq(em: EntityManager): Promise<string> {
  const { rows } = await sql<{ fetchSeq: string }>`
    select nextval('nft_metadata.fetch_seq')::text as "fetchSeq"`.execute(em.getKysely());
  return rows[0]!.fetchSeq;
}
