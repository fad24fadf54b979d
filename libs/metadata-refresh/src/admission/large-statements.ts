import type { EntityManager } from '@mikro-orm/postgresql';
import { raiseStatementTimeout } from '@app/database';
import { sql } from 'kysely';

/**
 * How long one statement may take: more than the 10 seconds of others, and less than the 15 seconds after which the service closes
 * a connection without a response.
 */
const STATEMENT_TIMEOUT_SECONDS = 14;

/** Prepares a transaction for statements that make chunks of any number of tokens. */
export async function allowLargeStatements(em: EntityManager): Promise<void> {
  // JIT off: it would compile for longer than the statement runs.
  await sql`select set_config('jit', 'off', true)`.execute(em.getKysely());
  await raiseStatementTimeout(em, STATEMENT_TIMEOUT_SECONDS);
}
