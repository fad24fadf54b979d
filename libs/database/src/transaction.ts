import { TransactionContext } from '@mikro-orm/core';
import type { EntityManager } from '@mikro-orm/postgresql';
import type { ControlledTransaction } from 'kysely';

/**
 * One transaction: `work` has an EntityManager of its own, what it leaves unflushed is flushed before the commit, and
 * injected EntityManagers that it uses are in the transaction, too. Throws what `work` or the database throws; then
 * nothing was written.
 *
 * In place of `em.transactional`, which never gives a connection back whose `begin`, `commit` or `rollback` fails
 * (kysely-org/kysely#1990): a pool would be used up by a database that restarts often enough.
 */
export async function inTransaction<Result>(
  em: EntityManager,
  work: (em: EntityManager) => Promise<Result>,
): Promise<Result> {
  const fork = em.fork();
  await fork.getConnection().ensureConnection();
  return fork
    .getKysely()
    .connection()
    .execute(async (connection) => {
      const transaction = await connection.startTransaction().execute();
      fork.setTransactionContext(transaction);
      try {
        const result = await TransactionContext.create(fork, () => work(fork));
        await fork.flush();
        await transaction.commit().execute();
        return result;
      } catch (error) {
        await rollBack(transaction);
        throw error;
      }
    });
}

/**
 * With a `query_timeout` of the host's, `rollback` may be given up while an earlier statement still holds the connection,
 * which would go back to the pool with its transaction open. For any other reason the connection is gone, and the
 * transaction with it.
 */
async function rollBack(transaction: Pick<ControlledTransaction<object>, 'rollback'>): Promise<void> {
  for (;;) {
    try {
      return await transaction.rollback().execute();
    } catch (error) {
      if (!(error instanceof Error && error.message === 'Query read timeout')) return;
    }
  }
}
