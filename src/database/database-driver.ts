import { PostgreSqlConnection, PostgreSqlDriver } from '@mikro-orm/postgresql';
import type { Driver, PostgresDialect } from 'kysely';

/** The driver of MikroORM for PostgreSQL, but closing it also ends while a connection is being opened. */
export class DatabaseDriver extends PostgreSqlDriver {
  protected override readonly connection = new DatabaseConnection(this.config);
}

class DatabaseConnection extends PostgreSqlConnection {
  override createKyselyDialect(...overrides: Parameters<PostgreSqlConnection['createKyselyDialect']>): PostgresDialect {
    const dialect = super.createKyselyDialect(...overrides);
    const createDriver = dialect.createDriver.bind(dialect);
    dialect.createDriver = () => destroyedWhenConnected(createDriver());
    return dialect;
  }
}

/**
 * kysely (0.29.6) forgets its pool when it is destroyed. A connection that is opened afterwards, for a statement that was sent before,
 * makes it throw, and is never released: the pool, and so the application, would wait for that connection for ever. Here the driver is
 * destroyed when all of them are open. Nobody can ask for another one meanwhile.
 */
function destroyedWhenConnected(driver: Driver): Driver {
  const acquire = driver.acquireConnection.bind(driver);
  const destroy = driver.destroy.bind(driver);
  const acquiring = new Set<Promise<unknown>>();
  driver.acquireConnection = (options) => {
    const acquired = acquire(options).finally(() => acquiring.delete(acquired));
    acquiring.add(acquired);
    return acquired;
  };
  driver.destroy = async (options) => {
    await Promise.allSettled(acquiring);
    await destroy(options);
  };
  return driver;
}
