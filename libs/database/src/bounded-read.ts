import { AsyncLocalStorage } from 'node:async_hooks';
import type { EntityManager } from '@mikro-orm/postgresql';
import { sql } from 'kysely';
import { inSnapshot } from './transaction.js';

const reads = new AsyncLocalStorage<EntityManager>();

/** What a bounded read may take. */
export interface ReadLimits {
  /** Of each statement. A lower `statement_timeout` of the connection stays. */
  statementTimeoutMs: number;
}

/**
 * Runs `work` in one snapshot whose statements are cancelled after a time: all that it reads through `readingFrom` is of one state of
 * the database. `now` is the clock of the database.
 */
export async function boundedRead<Result>(
  em: EntityManager,
  { statementTimeoutMs }: ReadLimits,
  work: (now: Date) => Promise<Result>,
): Promise<Result> {
  return inSnapshot(em, async (transaction) => {
    const timeout = sql`current_setting('statement_timeout')`;
    // A time with its unit, such as 500ms or 1min. The view pg_settings would list all settings for it, with every read.
    const { rows } = await sql<{ now: Date | string }>`
      select now() as now,
        set_config(
          'statement_timeout',
          case
            when ${timeout}::interval between interval '1 ms' and ${statementTimeoutMs}::int * interval '1 ms' then ${timeout}
            else ${String(statementTimeoutMs)}
          end,
          true
        )`.execute(transaction.getKysely());
    return reads.run(transaction, () => work(new Date(rows[0]!.now)));
  });
}

/** The EntityManager for statements that only read: inside of a bounded read that of its transaction, otherwise a fork. */
export function readingFrom(em: EntityManager): EntityManager {
  return currentRead(em) ?? em.fork();
}

/** As `inSnapshot`: inside of a bounded read in its transaction. */
export async function inReadTransaction<Result>(
  em: EntityManager,
  work: (em: EntityManager) => Promise<Result>,
): Promise<Result> {
  const transaction = currentRead(em);
  return transaction ? work(transaction) : inSnapshot(em, work);
}

/** The transaction of the bounded read that this is a part of, if it is in the same database. */
function currentRead(em: EntityManager): EntityManager | undefined {
  const transaction = reads.getStore();
  return transaction?.getDriver() === em.getDriver() ? transaction : undefined;
}
