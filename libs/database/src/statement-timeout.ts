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

/** Whether PostgreSQL has cancelled a statement (57014) or its wait for a lock (55P03), after a time limit for example. */
export function isCancelledStatement(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === '57014' || error.code === '55P03');
}
