import type { EntityManager } from '@mikro-orm/postgresql';
import { sql } from 'kysely';

/**
 * Lets the statements of this transaction run for at least `seconds`: raises a lower `statement_timeout` until the transaction ends,
 * whoever has set it. A higher one, and none, stay as they are.
 */
export async function raiseStatementTimeout(em: EntityManager, seconds: number): Promise<void> {
  await sql`
    select set_config('statement_timeout', ${`${seconds}s`}, true)
    from pg_settings
    where name = 'statement_timeout' and setting::int between 1 and ${seconds * 1000}::int`.execute(em.getKysely());
}
