import { setTimeout as pause } from 'node:timers/promises';
import { Migrator } from '@mikro-orm/migrations';
import { MikroORM, type Options } from '@mikro-orm/postgresql';
import { metadataEventsMigrations } from '@app/metadata-events';
import { metadataRefreshMigrations } from '@app/metadata-refresh';
import { projectAuthMigrations } from '@app/project-auth';
import { tokenStoreMigrations } from '@app/token-store';
import { Logger } from '@nestjs/common';
import { listingMigrations } from '../listings/migrations/index.js';
import { connectionTo } from './database-client.js';

type MigrationsList = NonNullable<NonNullable<Options['migrations']>['migrationsList']>;

/** Every migration of this application, in order: the libs' own, then ours. */
const allMigrations: MigrationsList = [
  ...projectAuthMigrations,
  ...tokenStoreMigrations,
  ...metadataRefreshMigrations,
  ...metadataEventsMigrations,
  ...listingMigrations,
];

/** Any number: it only has to be the same in every process. */
const MIGRATION_LOCK = 7_239_401;
const LOOK_AGAIN_MS = 200;
/** For tables that others hold: two minutes, with the two seconds that a migration waits for a lock. */
const MOST_TRIES = 40;
const RETRY_START_MS = 1000;

/**
 * Brings the database up to date, one migration after the other. Several processes may start at once: the first
 * migrates, the others wait. On connections of its own, without the limits of the service's: a migration takes as long
 * as it takes. Throws what a migration throws; those before it stay.
 */
export async function migrate(databaseUrl: string, migrationsList: MigrationsList = allMigrations): Promise<void> {
  const logger = new Logger(MikroORM.name);
  const orm = await MikroORM.init({
    ...connectionTo(databaseUrl).ormOptions,
    entities: [],
    discovery: { warnWhenNoEntities: false },
    extensions: [Migrator],
    logger: (line) => logger.log(line),
    // One by one: an index that is built beside those who write cannot be built in a transaction.
    migrations: { migrationsList, tableName: 'nft_metadata.migrations', snapshot: false, allOrNothing: false },
  });
  try {
    await orm.em.fork().transactional(async (em) => {
      await takeTurn(em);
      await orm.em.fork().execute('create schema if not exists nft_metadata');
      await runMigrations(orm, logger);
    });
  } finally {
    await orm.close();
  }
}

/** By asking again and again: a statement that waits has a snapshot, and an index that is being built waits for that. */
async function takeTurn(em: MikroORM['em']): Promise<void> {
  for (;;) {
    const [row] = await em.execute<[{ isOurs: boolean }]>(
      `select pg_try_advisory_xact_lock(${MIGRATION_LOCK}) as "isOurs"`,
    );
    if (row.isOurs) return;
    await pause(LOOK_AGAIN_MS);
  }
}

/** A migration gives up soon when somebody holds its table, because all others would wait behind it. */
async function runMigrations(orm: MikroORM, logger: Logger): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      await orm.migrator.up();
      return;
    } catch (error) {
      if (!isLocked(error) || tries === MOST_TRIES) throw error;
      logger.warn({ msg: 'a table is in use; the migration is tried again', tries });
      await pause(RETRY_START_MS);
    }
  }
}

/** SQLSTATE 55P03, lock_not_available. */
function isLocked(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === '55P03';
}
