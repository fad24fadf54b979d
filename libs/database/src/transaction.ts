import { TransactionContext } from '@mikro-orm/core';
import type { EntityManager } from '@mikro-orm/postgresql';
import type { ControlledTransaction, ControlledTransactionBuilder, Kysely } from 'kysely';

/**
 * Runs `work` in one transaction. `work` gets an EntityManager of its own, and injected EntityManagers that it uses are in
 * the transaction, too; unflushed changes are flushed before the commit. Throws what `work` or the database throws; then
 * nothing was written. Use it instead of `em.transactional`, which never releases a connection whose `begin`, `commit` or
 * `rollback` fails (kysely-org/kysely#1990): a database that restarts often enough would use up the pool.
 */
export function inTransaction<Result>(
  em: EntityManager,
  work: (em: EntityManager) => Promise<Result>,
): Promise<Result> {
  return run(em, work, (connection) => connection.startTransaction());
}

/**
 * The same for statements that only read and have to see one state of the database: what others commit meanwhile is seen by none of them.
 */
export function inSnapshot<Result>(em: EntityManager, work: (em: EntityManager) => Promise<Result>): Promise<Result> {
  return run(em, work, (connection) =>
    connection.startTransaction().setIsolationLevel('repeatable read').setAccessMode('read only'),
  );
}

async function run<Result>(
  em: EntityManager,
  work: (em: EntityManager) => Promise<Result>,
  begin: (connection: Kysely<object>) => ControlledTransactionBuilder<object>,
): Promise<Result> {
  const fork = em.fork();
  await fork.getConnection().ensureConnection();
  return fork
    .getKysely()
    .connection()
    .execute(async (connection) => {
      const transaction = await begin(connection).execute();
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
 * With a `query_timeout` of the host application, `rollback` may time out while an earlier statement still occupies the
 * connection, which would go back to the pool with its transaction open. For any other reason the connection is closed, and
 * the transaction with it.
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
