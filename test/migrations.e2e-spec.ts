import { Migration, Migrator } from '@mikro-orm/migrations';
import { MikroOrmModule } from '@mikro-orm/nestjs';
import { MikroORM, PostgreSqlDriver, type Options } from '@mikro-orm/postgresql';
import { MetadataRefreshModule } from '@app/metadata-refresh';
import { MetadataHost } from '@app/testing';
import { TokenStoreModule } from '@app/token-store';
import { ConsoleLogger, Logger, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Client } from 'pg';
import { nftMetadataMigrations } from '../libs/index.js';
import { readEnvironment } from '../src/config/environment.js';
import { migrate } from '../src/database/migrations.js';
import { startService } from '../src/start-service.js';
import { commandLine } from './support/command-line.js';
import { createEmptyDatabase, type TestDatabase } from './support/database.js';
import { fetchModules } from './support/fetch-modules.js';
import { runServiceToItsEnd } from './support/service-process.js';

type EmptyDatabase = Pick<TestDatabase, 'url' | 'query'>;
type MigrationsList = NonNullable<NonNullable<Options['migrations']>['migrationsList']>;

it('migrations create every table in an empty database, and a second run changes nothing', async () => {
  await using database = await anEmptyDatabase();

  await migrate(database.url);
  const [schema, applied] = [await readSchema(database), await readApplied(database)];
  await migrate(database.url);

  const tables = new Set(schema.map(({ table }) => table));
  expect([...tables]).toEqual(expect.arrayContaining(TABLES));
  expect(applied.map(({ name }) => name)).toEqual(
    expect.arrayContaining(nftMetadataMigrations.map(({ name }) => name)),
  );
  expect(await readSchema(database)).toEqual(schema);
  expect(await readApplied(database)).toEqual(applied);
});

it('three processes that start on one empty database at the same time run each migration once', async () => {
  await using database = await anEmptyDatabase();
  const cli = commandLine(() => ({ DATABASE_URL: database.url }));

  const starts = await Promise.all([1, 2, 3].map(() => cli.start('project', 'list').ended));

  expect(starts.map(({ status, err }) => ({ status, err }))).toEqual(starts.map(() => ({ status: 0, err: '' })));
  const names = (await readApplied(database)).map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  expect((await readSchema(database)).map(({ table }) => table)).toEqual(expect.arrayContaining(TABLES));
});

it('on a migrated database, the service and the command line need a user that may read and write rows, and no more', async () => {
  await using database = await anEmptyDatabase();
  const metadataApi = await MetadataHost.start();
  onTestFinished(() => metadataApi.close());
  await migrate(database.url);
  await using user = await aUserWithoutRights(database);
  const variables = { DATABASE_URL: user.url, FETCH_ALLOWED_HOSTS: metadataApi.host };
  const cli = commandLine(() => variables);

  await using _service = await aService({ ...variables, WORKERS: '1', PORT: '0', LOG_LEVEL: 'error' });
  const address = `0x${'a1'.repeat(20)}`;
  const { project_id: project } = await cli.json('project', 'create', '--name', 'Studio', '--owner', address);
  const collection = ['--project', String(project), '--address', address, '--metadata-url', metadataApi.url];
  await cli.json('collection', 'add', ...collection, '--tokens', '1-3');
  const refreshed = await cli.json('refresh', '--collection', address, '--tokens', '1-3', '--wait');

  expect(refreshed).toMatchObject({ succeeded: 3, failed: 0 });
  expect(await cli.json('migrate')).toEqual({ applied: [] });
  await expect(user.query('create schema of_its_own')).rejects.toThrow('permission denied');
});

describe.each([
  ['one transaction for each', false],
  ['one transaction for all', true],
])('a host that runs our migrations between its own in %s', (_, allOrNothing) => {
  it('a host that runs our migrations between its own gets the same tables as the service, and keeps its own', async () => {
    await using service = await anEmptyDatabase();
    await using host = await anEmptyDatabase();

    await migrate(service.url);
    await migrateAsHost(host.url, HOST_MIGRATIONS, allOrNothing);

    const ofLibs = ({ table }: { table: string }) => table.startsWith('nft_metadata.') && table !== LIST_OF_SERVICE;
    expect((await readSchema(host)).filter(ofLibs)).toEqual((await readSchema(service)).filter(ofLibs));
    expect(await host.query('select name, stars from shop_reviews')).toEqual([{ name: 'first', stars: 5 }]);
    expect(await host.query('select name from mikro_orm_migrations order by id')).toEqual(
      HOST_MIGRATIONS.map(({ name }) => ({ name })),
    );
  });

  it('a host that runs our migrations between its own can revert ours, keeps its own tables, and can run ours again', async () => {
    await using host = await anEmptyDatabase();
    await migrateAsHost(host.url, [SHOP_REVIEWS, ...nftMetadataMigrations], allOrNothing);

    await withMigrator(host.url, [SHOP_REVIEWS, ...nftMetadataMigrations], allOrNothing, (migrator) =>
      migrator.down({ to: SHOP_REVIEWS.name }),
    );
    const left = await host.query(`select tablename from pg_tables where schemaname = 'nft_metadata'`);
    await migrateAsHost(host.url, HOST_MIGRATIONS, allOrNothing);

    expect(left).toEqual([]);
    expect(await host.query('select from nft_metadata.refresh_chunks')).toEqual([]);
    expect(await host.query('select name from shop_reviews')).toEqual([{ name: 'first' }]);
  });
});

it('a worker that started before the migrations begins to work when they have run', async () => {
  await using database = await anEmptyDatabase();
  const metadataApi = await MetadataHost.start();
  await using worker = await startWorker(database, metadataApi);
  await vi.waitUntil(() => worker.errors().length > 0, { timeout: 10_000 });

  await migrate(database.url);
  await addRefresh(database, metadataApi);
  await vi.waitUntil(async () => (await database.query(COMPLETED)).length === 1, { timeout: 20_000, interval: 50 });

  expect(worker.errors().filter((line) => !line.includes('migrations of nft_metadata are missing'))).toEqual([]);
  await metadataApi.close();
});

describe('locked tables', () => {
  it('while another session locks a table that a migration alters, writers wait for seconds at most, and the migration is retried until the table is free', async () => {
    await using database = await anEmptyDatabase();
    await migrateAsHost(database.url, [SHOP_REVIEWS], false);
    await using holder = await holdReviews(database);
    const migrated = migrate(database.url, [ADD_AUTHOR]);
    await vi.waitUntil(() => isWaiting(database, 'alter table shop_reviews'), { timeout: 10_000 });

    await database.query(`set lock_timeout = '5s'; update shop_reviews set stars = 4`);
    await vi.waitUntil(async () => !(await isWaiting(database, 'alter table')), { timeout: 10_000 });
    await vi.waitUntil(() => isWaiting(database, 'alter table'), { timeout: 10_000 });
    await holder.release();

    await expect(migrated).resolves.toEqual(['shop-2026-12-02-author']);
    expect(await database.query('select author from shop_reviews')).toEqual([{ author: null }]);
  });

  it('an index is built concurrently with writers, by one of the processes that start at the same time', async () => {
    await using database = await anEmptyDatabase();
    await migrateAsHost(database.url, [SHOP_REVIEWS], false);
    await using holder = await holdReviews(database);
    const migrated = Promise.all([migrate(database.url, [ADD_INDEX]), migrate(database.url, [ADD_INDEX])]);
    await vi.waitUntil(() => isWaiting(database, 'create index concurrently'), { timeout: 10_000 });

    await database.query(`set lock_timeout = '100ms'; update shop_reviews set stars = 4`);
    await holder.release();
    await migrated;

    expect(
      await database.query(`select indisvalid from pg_index where indexrelid = 'shop_reviews_stars'::regclass`),
    ).toEqual([{ indisvalid: true }]);
  });
});

describe('limits of the database user', () => {
  it.each([
    ['in a transaction', () => SLOW],
    ['without one', () => SLOW_WITHOUT_TRANSACTION],
  ])('a migration %s runs to its end, although the limits of the database user are shorter', async (_, migration) => {
    await using database = await anEmptyDatabase();
    await limitSessions(database);

    await migrate(database.url, [migration()]);

    expect((await readApplied(database)).map(({ name }) => name)).toEqual([migration().name]);
  });

  it('a process that waits for the migrations of another one continues when they have run', async () => {
    await using database = await anEmptyDatabase();
    await limitSessions(database);

    await Promise.all([migrate(database.url, [SLOW]), migrate(database.url, [SLOW])]);

    expect((await readApplied(database)).map(({ name }) => name)).toEqual([SLOW.name]);
  });
});

describe('shutdown during migrations', () => {
  const LOCK = `select pid from pg_locks where locktype = 'advisory' and granted
    and database = (select oid from pg_database where datname = current_database())`;
  const MIGRATION = `select pid from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid() and wait_event_type = 'Lock'`;

  it.each([
    ['the session that holds the migration lock', LOCK, /^The session that holds the migration lock ended: [^\n]+\n$/],
    ['the session of a migration', MIGRATION, /^The connection to the database ended during the migrations: [^\n]+\n$/],
  ])(
    'while migrations run, the end of %s ends the service with one sentence and status 1',
    async (_, session, sentence) => {
      await using database = await anEmptyDatabase();
      await database.query('create schema nft_metadata');
      // The migration of the same name waits for the end of this transaction.
      await using _holder = await holdOpen(database, 'create table nft_metadata.projects ()');
      const service = runServiceToItsEnd({ DATABASE_URL: database.url });
      await vi.waitUntil(async () => (await database.query(MIGRATION)).length > 0, { timeout: 30_000 });

      await database.query(`select pg_terminate_backend(pid) from (${session}) as session`);

      const { status, err } = await service;
      expect({ status, err }).toEqual({ status: 1, err: expect.stringMatching(sentence) });
    },
  );
});

class ShopReviewsMigration extends Migration {
  override up(): void {
    this.addSql('create table shop_reviews (name text primary key, stars integer not null)');
    this.addSql(`insert into shop_reviews values ('first', 5)`);
  }

  override down(): void {
    this.addSql('drop table shop_reviews');
  }
}

/** Of the host, and stands on a table of ours. */
class ShopFavouritesMigration extends Migration {
  override up(): void {
    this.addSql(`
      create table shop_favourites (
        collection_id uuid not null references nft_metadata.collections (id), token_id numeric(78, 0) not null
      )`);
  }
}

class AddAuthorMigration extends Migration {
  override up(): void {
    this.addSql(`set local lock_timeout = '2s'`);
    this.addSql('alter table shop_reviews add column author text');
  }
}

class SlowMigration extends Migration {
  override up(): void {
    this.addSql('select pg_sleep(3)');
  }
}

class SlowMigrationWithoutTransaction extends SlowMigration {
  override isTransactional(): boolean {
    return false;
  }
}

class AddIndexMigration extends Migration {
  override isTransactional(): boolean {
    return false;
  }

  override up(): void {
    this.addSql('create index concurrently shop_reviews_stars on shop_reviews (stars)');
  }
}

const SHOP_REVIEWS = { name: 'shop-2025-03-01-reviews', class: ShopReviewsMigration };
const SHOP_FAVOURITES = { name: 'shop-2026-12-01-favourites', class: ShopFavouritesMigration };
const HOST_MIGRATIONS = [SHOP_REVIEWS, ...nftMetadataMigrations, SHOP_FAVOURITES];
const ADD_AUTHOR = { name: 'shop-2026-12-02-author', class: AddAuthorMigration };
const ADD_INDEX = { name: 'shop-2026-12-03-index', class: AddIndexMigration };
const SLOW = { name: 'shop-2026-12-04-slow', class: SlowMigration };
const SLOW_WITHOUT_TRANSACTION = { name: 'shop-2026-12-05-slow', class: SlowMigrationWithoutTransaction };

const LIST_OF_SERVICE = 'nft_metadata.migrations';
/** At least one of each lib and of the marketplace. */
const TABLES = [
  'nft_metadata.projects',
  'nft_metadata.tokens',
  'nft_metadata.refresh_chunks',
  'nft_metadata.webhooks',
  'marketplace.listings',
];
const COMPLETED = 'select from nft_metadata.refreshes where completed_at is not null and succeeded = 1';

/** In this process. */
async function aService(variables: Readonly<Record<string, string>>) {
  const service = await startService(readEnvironment(variables));
  return {
    async [Symbol.asyncDispose]() {
      await service.stop();
      Logger.overrideLogger(new ConsoleLogger());
    },
  };
}

/** A user that may read and write the rows of all tables. */
async function aUserWithoutRights({ url, query }: EmptyDatabase) {
  const name = `rows_${process.pid}`;
  await query(`create role ${name} login password 'rows'`);
  await query(`grant usage on schema nft_metadata, marketplace to ${name}`);
  for (const schema of ['nft_metadata', 'marketplace']) {
    await query(`grant select, insert, update, delete on all tables in schema ${schema} to ${name}`);
    await query(`grant usage on all sequences in schema ${schema} to ${name}`);
  }
  const own = new URL(url);
  own.username = name;
  own.password = 'rows';
  return {
    url: own.href,
    async query(text: string) {
      const client = new Client({ connectionString: own.href });
      await client.connect();
      try {
        await client.query(text);
      } finally {
        await client.end();
      }
    },
    async [Symbol.asyncDispose]() {
      await query(`drop owned by ${name}`);
      await query(`drop role ${name}`);
    },
  };
}

async function anEmptyDatabase() {
  const database = await createEmptyDatabase();
  return { ...database, [Symbol.asyncDispose]: () => database.drop() };
}

/** As the guide limits the user of the service, and shorter. */
async function limitSessions({ query }: EmptyDatabase): Promise<void> {
  for (const setting of ['statement_timeout', 'idle_in_transaction_session_timeout', 'transaction_timeout']) {
    await query(
      `do $$ begin execute format('alter role %I in database %I set ${setting} = ''1s''', current_user, current_database()); end $$`,
    );
  }
}

/** Every column, constraint and index. */
async function readSchema({ query }: EmptyDatabase): Promise<{ table: string; definition: string }[]> {
  return query(
    `with tables as (
       select oid, oid::regclass::text as "table" from pg_class
       where relkind in ('r', 'v') and relnamespace in (
         select oid from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema'
       )
     )
     select "table", attname || ' ' || format_type(atttypid, atttypmod) || case when attnotnull then ' not null' else '' end
       as definition
     from tables join pg_attribute on attrelid = oid and attnum > 0 and not attisdropped
     union all
     select "table", conname || ' ' || pg_get_constraintdef(pg_constraint.oid)
     from tables join pg_constraint on conrelid = tables.oid
     union all
     select "table", pg_get_indexdef(indexrelid) from tables join pg_index on indrelid = oid
     order by 1, 2`,
  );
}

async function readApplied({ query }: EmptyDatabase): Promise<{ name: string; executed_at: Date }[]> {
  return query('select name, executed_at from nft_metadata.migrations order by id');
}

/** As an application does that has our migrations in its list. */
async function migrateAsHost(
  databaseUrl: string,
  migrationsList: MigrationsList,
  allOrNothing: boolean,
): Promise<void> {
  await withMigrator(databaseUrl, migrationsList, allOrNothing, (migrator) => migrator.up());
}

async function withMigrator(
  clientUrl: string,
  migrationsList: MigrationsList,
  allOrNothing: boolean,
  use: (migrator: MikroORM['migrator']) => Promise<unknown>,
): Promise<void> {
  const orm = await MikroORM.init({
    clientUrl,
    entities: [],
    discovery: { warnWhenNoEntities: false },
    extensions: [Migrator],
    migrations: { migrationsList, snapshot: false, silent: true, allOrNothing },
  });
  try {
    await use(orm.migrator);
  } finally {
    await orm.close();
  }
}

async function startWorker({ url }: EmptyDatabase, metadataApi: MetadataHost) {
  @Module({
    imports: [
      MikroOrmModule.forRoot({ driver: PostgreSqlDriver, clientUrl: url, autoLoadEntities: true }),
      TokenStoreModule.forRoot(),
      ...fetchModules({ allowedHosts: [metadataApi.host] }),
      MetadataRefreshModule.forRoot({ runWorker: true }),
    ],
  })
  class WorkerOnly {}
  const logger = new ErrorLog({ logLevels: ['error'] });
  const app = await NestFactory.createApplicationContext(WorkerOnly, { logger });
  return { errors: () => logger.lines, [Symbol.asyncDispose]: () => app.close() };
}

/** One token that is due. */
async function addRefresh({ query }: EmptyDatabase, { host }: MetadataHost): Promise<void> {
  await query(
    `with collection as (
       insert into nft_metadata.collections (id, chain_id, address, project_id, source, metadata_url)
       values (gen_random_uuid(), 1, '0x${'c'.repeat(40)}', 'studio', 'metadata_api', 'http://${host}') returning *
     ), token as (
       insert into nft_metadata.tokens (collection_id, token_id) select id, 1 from collection
     ), lane as (
       insert into nft_metadata.lanes (project_id, host) values ('studio', '${host}') returning *
     ), refresh as (
       insert into nft_metadata.refreshes (id, project_id, collection_id, collection_address, source, total, created_at)
       select gen_random_uuid(), project_id, id, address, jsonb_build_object('kind', source, 'url', metadata_url), 1, now()
       from collection returning *
     )
     insert into nft_metadata.refresh_chunks (refresh_id, lane_id, priority, due_at, token_ids)
     select refresh.id, lane.id, 0, now(), '{1}' from refresh, lane`,
  );
}

/** As a long report or a backup does. */
async function holdReviews(database: EmptyDatabase) {
  return holdOpen(database, 'lock table shop_reviews in row exclusive mode');
}

/** A transaction that stays open after this statement. */
async function holdOpen({ url }: EmptyDatabase, statement: string) {
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query(`begin; ${statement}`);
  let isHeld = true;
  const release = async () => {
    if (isHeld) await client.end();
    isHeld = false;
  };
  return { release, [Symbol.asyncDispose]: release };
}

async function isWaiting({ query }: EmptyDatabase, statement: string): Promise<boolean> {
  const rows = await query(
    `select from pg_stat_activity
     where wait_event_type = 'Lock' and strpos(query, $1) > 0 and pid <> pg_backend_pid()
       and datname = current_database()`,
    [statement],
  );
  return rows.length > 0;
}

class ErrorLog extends ConsoleLogger {
  readonly lines: string[] = [];

  override error(message: unknown): void {
    this.lines.push(JSON.stringify(message));
  }
}
