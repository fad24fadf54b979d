import type { EntityManager } from '@mikro-orm/postgresql';

/**
 * One transaction: `work` has an EntityManager of its own, and what it leaves unflushed is flushed before the commit.
 * Throws what `work` or the database throws; then nothing was written.
 *
 * In place of `em.transactional`, which never gives a connection back whose `begin`, `commit` or `rollback` fails
 * (kysely-org/kysely#1990): a pool would be used up by a database that restarts often enough.
 */
export function inTransaction<Result>(
  em: EntityManager,
  work: (em: EntityManager) => Promise<Result>,
): Promise<Result> {
  const fork = em.fork();
  return fork
    .getKysely()
    .connection()
    .execute(async (connection) => {
      const transaction = await connection.startTransaction().execute();
      fork.setTransactionContext(transaction);
      try {
        const result = await work(fork);
        await fork.flush();
        await transaction.commit().execute();
        return result;
      } catch (error) {
        // Where that is impossible, the connection is gone, and the transaction with it.
        await transaction
          .rollback()
          .execute()
          .catch(() => {});
        throw error;
      }
    });
}
