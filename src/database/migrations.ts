import { Migrator } from '@mikro-orm/migrations';
import { MikroORM } from '@mikro-orm/postgresql';
import { metadataRefreshMigrations } from '@app/metadata-refresh';
import { projectAuthMigrations } from '@app/project-auth';
import { tokenStoreMigrations } from '@app/token-store';
import { Logger } from '@nestjs/common';
import { listingMigrations } from '../listings/migrations/index.js';

/** Every migration of this application, in order: the libs' own, then ours. */
const migrationsList = [
  ...projectAuthMigrations,
  ...tokenStoreMigrations,
  ...metadataRefreshMigrations,
  ...listingMigrations,
];

/** Any number: it only has to be the same in every process. */
const MIGRATION_LOCK = 7_239_401;

/**
 * Brings the database up to date. Several processes may start at once: the first migrates, the others wait. On
 * connections of its own, without the limits of the service's: a migration takes as long as it takes.
 */
export async function migrate(databaseUrl: string): Promise<void> {
  const logger = new Logger(MikroORM.name);
  const orm = await MikroORM.init({
    clientUrl: databaseUrl,
    entities: [],
    discovery: { warnWhenNoEntities: false },
    extensions: [Migrator],
    logger: (line) => logger.log(line),
    migrations: { migrationsList, tableName: 'nft_metadata.migrations', snapshot: false },
  });
  try {
    await orm.em.fork().transactional(async (em) => {
      await em.execute(`select pg_advisory_xact_lock(${MIGRATION_LOCK})`);
      await orm.em.fork().execute('create schema if not exists nft_metadata');
      await orm.migrator.up();
    });
  } finally {
    await orm.close();
  }
}
