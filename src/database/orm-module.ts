import { MikroOrmModule } from '@mikro-orm/nestjs';
import type { DynamicModule } from '@nestjs/common';
import type { Environment } from '../config/environment.js';
import type { connectionLimits, idleLimit } from './connection-limits.js';
import { connectionTo } from './database-client.js';
import { DatabaseDriver } from './database-driver.js';

/** MikroORM loads its migrator when it starts, if none is registered. `migrate` has a connection and a migrator of its own. */
const noMigrator = { name: 'Migrator', register: () => {} };

/** The MikroORM connection of the application. */
export function ormModule(
  { databaseUrl, databasePoolSize }: Pick<Environment, 'databasePoolSize'> & { databaseUrl: string },
  limits: typeof connectionLimits | typeof idleLimit,
): DynamicModule | Promise<DynamicModule> {
  const { driverOptions, ...connection } = connectionTo(databaseUrl).ormOptions;
  return MikroOrmModule.forRoot({
    ...connection,
    driver: DatabaseDriver,
    autoLoadEntities: true,
    extensions: [noMigrator],
    pool: { min: 0, max: databasePoolSize },
    driverOptions: { ...limits, ...driverOptions },
  });
}
