import { setTimeout as pause } from 'node:timers/promises';
import { inTransaction } from '@app/database';
import { Migrator, type Migration } from '@mikro-orm/migrations';
import { MikroORM, type EntityManager, type Options } from '@mikro-orm/postgresql';
import { Logger } from '@nestjs/common';
import type { Client } from 'pg';
import { nftMetadataMigrations } from '../../libs/index.js';
import { listingMigrations } from '../listings/migrations/index.js';
import { isTemporary, messageOf } from './connection-errors.js';
import { LIFT_LIMITS, noLimits } from './connection-limits.js';
import { connectionTo } from './database-client.js';
import { DatabaseUnusable } from './wait-for-database.js';

type MigrationsList = NonNullable<NonNullable<Options['migrations']>['migrationsList']>;

/** In order: the libs' migrations, then those of the application. */
const allMigrations = [...nftMetadataMigrations, ...listingMigrations];

const MIGRATIONS_TABLE = 'nft_metadata.migrations';
/** Any number: it only has to be the same in every process. */
const MIGRATION_LOCK = 7_239_401;
const LOCK_POLL_INTERVAL_MS = 200;
/** Poolers close transactions that are idle, the strictest after a few seconds. */
const LOCK_HEARTBEAT_MS = 500;
/** Covers two minutes of locked tables: each try waits two seconds for a lock. */
const MAX_TRIES = 40;
const RETRY_DELAY_MS = 1000;

/**
 * Applies all pending migrations in order, and returns their names; with none, it only reads the list. If several processes start
 * at the same time, one migrates and the others wait. It uses connections of its own without timeouts, because a migration may run
 * for hours; those that the operator has set for the database user are lifted. Throws what a migration throws, or DatabaseUnusable
 * when a connection ends; the migrations before it stay applied.
 */
export async function migrate(databaseUrl: string, migrationsList: MigrationsList = allMigrations): Promise<string[]> {
  const logger = new Logger(MikroORM.name);
  const connections = new Set<Client>();
  const { driverOptions, ...ormOptions } = connectionTo(databaseUrl).ormOptions;
  const orm = await MikroORM.init({
    ...ormOptions,
    driverOptions: {
      ...driverOptions,
      onConnect: async (client: Client) => {
        connections.add(client);
        await noLimits.onConnect(client);
      },
    },
    entities: [],
    discovery: { warnWhenNoEntities: false },
    extensions: [Migrator],
    logger: (line) => logger.log(line),
    migrations: {
      migrationsList: migrationsList.map(withoutLimits),
      tableName: MIGRATIONS_TABLE,
      snapshot: false,
      // Not in one transaction, because a concurrent index build must not be in one.
      allOrNothing: false,
    },
  });
  try {
    // Without a lock, and by a user that may not create anything.
    if (await isMigrated(orm.em, migrationsList)) return [];
    return await inTransaction(orm.em, (em) => withMigrationLock(em, () => runMigrations(orm, logger)));
  } catch (error) {
    throw explainFailure(error);
  } finally {
    // Not by the pool, which waits for ever for a connection whose rollback failed (kysely-org/kysely#1990).
    await Promise.all([...connections].map((client) => client.end()));
    orm.close().catch(() => {});
  }
}

/** Whether all migrations are applied, by one query that takes no lock. false if it fails: `migrate` then explains why. */
export async function isMigrated(em: EntityManager, migrationsList: MigrationsList = allMigrations): Promise<boolean> {
  const rows = await em
    .fork()
    .execute<{ name: string }[]>(`select name from ${MIGRATIONS_TABLE}`)
    .catch(() => []);
  const applied = new Set(rows.map(({ name }) => name));
  return migrationsList.every(({ name }) => applied.has(name));
}

type ConcreteMigration = new (
  ...args: ConstructorParameters<typeof Migration>
) => Migration & { up(): Promise<void> | void };

/** Behind a pooler in transaction mode, each transaction lifts its own limits; a migration without one keeps them. */
function withoutLimits(given: MigrationsList[number]): MigrationsList[number] {
  const { name, class: GivenMigration } = typeof given === 'function' ? { name: given.name, class: given } : given;
  class MigrationWithoutLimits extends (GivenMigration as ConcreteMigration) {
    override async up(): Promise<void> {
      if (this.isTransactional()) await this.execute(LIFT_LIMITS);
      await super.up();
    }
  }
  return { name, class: MigrationWithoutLimits };
}

/** Holds the lock while `work` runs. Throws DatabaseUnusable as soon as the session that holds it ends. */
async function withMigrationLock<T>(em: EntityManager, work: () => Promise<T>): Promise<T> {
  await em.execute(LIFT_LIMITS);
  await acquireLock(em);
  const done = new AbortController();
  const heartbeat = keepLock(em, done.signal);
  try {
    const working = work();
    await Promise.race([working, heartbeat]);
    return await working;
  } finally {
    done.abort();
    await heartbeat.catch(() => {});
  }
}

/** Polls, because a waiting statement holds a snapshot, and a concurrent index build waits for all snapshots. */
async function acquireLock(em: EntityManager): Promise<void> {
  for (;;) {
    const [row] = await em.execute<[{ isOurs: boolean }]>(
      `select pg_try_advisory_xact_lock(${MIGRATION_LOCK}) as "isOurs"`,
    );
    if (row.isOurs) return;
    await pause(LOCK_POLL_INTERVAL_MS);
  }
}

/** The transaction of the lock is never idle for long, and its end is noticed. */
async function keepLock(em: EntityManager, done: AbortSignal): Promise<void> {
  while (!done.aborted) {
    await pause(LOCK_HEARTBEAT_MS, undefined, { signal: done }).catch(() => {});
    await em.execute('select 1').catch((error: unknown) => {
      throw new DatabaseUnusable(
        `The session that holds the migration lock ended: ${reasonOf(error)}. ${START_AGAIN}`,
        { cause: error },
      );
    });
  }
}

/** A migration fails soon if its table is locked, because every other statement would queue behind it. */
async function runMigrations(orm: MikroORM, logger: Logger): Promise<string[]> {
  await orm.em.fork().execute('create schema if not exists nft_metadata');
  const pending = await orm.migrator.getPending();
  for (let tries = 1; ; tries += 1) {
    try {
      await orm.migrator.up();
      return pending.map(({ name }) => name);
    } catch (error) {
      if (codeOf(error) !== LOCK_NOT_AVAILABLE || tries === MAX_TRIES) throw error;
      logger.warn({ msg: 'table locked; the migration will be retried', tries });
      await pause(RETRY_DELAY_MS);
    }
  }
}

const LOCK_NOT_AVAILABLE = '55P03';
const QUERY_CANCELED = '57014';
const START_AGAIN = 'Start again: the migrations that have finished stay.';

function explainFailure(error: unknown): unknown {
  if (error instanceof DatabaseUnusable) return error;
  if (codeOf(error) === QUERY_CANCELED) {
    return new DatabaseUnusable(
      `A migration was cancelled: ${reasonOf(error)}. Let it connect to the server without a pooler, or raise the statement_timeout of the database user. ${START_AGAIN}`,
      { cause: error },
    );
  }
  if (isTemporary(causeOf(error) ?? error)) {
    return new DatabaseUnusable(
      `The connection to the database ended during the migrations: ${reasonOf(error)}. ${START_AGAIN}`,
      { cause: error },
    );
  }
  return error;
}

/** MikroORM's message begins with the statement. */
function reasonOf(error: unknown): string {
  return messageOf(causeOf(error) ?? error);
}

function causeOf(error: unknown): unknown {
  return error instanceof Error ? error.cause : undefined;
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
