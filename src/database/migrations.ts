import { setTimeout as pause } from 'node:timers/promises';
import { Migrator } from '@mikro-orm/migrations';
import { MikroORM, type Options } from '@mikro-orm/postgresql';
import { Logger } from '@nestjs/common';
import { nftMetadataMigrations } from '../../libs/index.js';
import { listingMigrations } from '../listings/migrations/index.js';
import { connectionTo } from './database-client.js';

type MigrationsList = NonNullable<NonNullable<Options['migrations']>['migrationsList']>;

/** In order: the libs' migrations, then those of the application. */
const allMigrations = [...nftMetadataMigrations, ...listingMigrations];

/** Any number: it only has to be the same in every process. */
const MIGRATION_LOCK = 7_239_401;
const LOCK_POLL_INTERVAL_MS = 200;
/** Covers two minutes of locked tables: each try waits two seconds for a lock. */
const MAX_TRIES = 40;
const RETRY_DELAY_MS = 1000;

/**
 * Applies all pending migrations in order. If several processes start at the same time, one migrates and the others wait.
 * It uses connections of its own without timeouts, because a migration may run for hours. Throws what a migration throws; the
 * migrations before it stay applied.
 */
export async function migrate(databaseUrl: string, migrationsList: MigrationsList = allMigrations): Promise<void> {
  const logger = new Logger(MikroORM.name);
  const orm = await MikroORM.init({
    ...connectionTo(databaseUrl).ormOptions,
    entities: [],
    discovery: { warnWhenNoEntities: false },
    extensions: [Migrator],
    logger: (line) => logger.log(line),
    // Not in one transaction, because a concurrent index build must not be in one.
    migrations: { migrationsList, tableName: 'nft_metadata.migrations', snapshot: false, allOrNothing: false },
  });
  try {
    await orm.em.fork().transactional(async (em) => {
      await acquireLock(em);
      await orm.em.fork().execute('create schema if not exists nft_metadata');
      await runMigrations(orm, logger);
    });
  } finally {
    await orm.close();
  }
}

/** Polls, because a waiting statement holds a snapshot, and a concurrent index build waits for all snapshots. */
async function acquireLock(em: MikroORM['em']): Promise<void> {
  for (;;) {
    const [row] = await em.execute<[{ isOurs: boolean }]>(
      `select pg_try_advisory_xact_lock(${MIGRATION_LOCK}) as "isOurs"`,
    );
    if (row.isOurs) return;
    await pause(LOCK_POLL_INTERVAL_MS);
  }
}

/** A migration fails soon if its table is locked, because every other statement would queue behind it. */
async function runMigrations(orm: MikroORM, logger: Logger): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      await orm.migrator.up();
      return;
    } catch (error) {
      if (!isLocked(error) || tries === MAX_TRIES) throw error;
      logger.warn({ msg: 'table locked; migration retried', tries });
      await pause(RETRY_DELAY_MS);
    }
  }
}

/** SQLSTATE 55P03, lock_not_available. */
function isLocked(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === '55P03';
}
