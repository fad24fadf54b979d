import { MikroOrmModule } from '@mikro-orm/nestjs';
import { PostgreSqlDriver } from '@mikro-orm/postgresql';
import { MetadataRefreshModule } from '@app/metadata-refresh';
import { TokenStoreModule } from '@app/token-store';
import { ConsoleLogger, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Client } from 'pg';
import { nftMetadataMigrations } from '../libs/index.js';
import { migrate } from '../src/database/migrations.js';
import { createEmptyDatabase, type TestDatabase } from './support/database.js';
import { MetadataHost } from './support/metadata-host.js';
import { FILLED, fill } from './support/earlier-data.js';
import { migrateAsHost, revertAll, UPGRADES } from './support/upgrades.js';
import { fetchModules } from './support/fetch-modules.js';

type EmptyDatabase = Pick<TestDatabase, 'url' | 'query' | 'drop'>;

let metadataApi: MetadataHost;
beforeAll(async () => {
  metadataApi = await MetadataHost.start();
});
afterAll(() => metadataApi.close());

const STATES = nftMetadataMigrations.map(({ name }, count) => ({ missing: name, count }));

describe.each(STATES)('a database whose first missing migration is $missing', ({ count }) => {
  it.each(UPGRADES)('is upgraded by %s, with a worker running that is too new for it', async (_, upgrade) => {
    await using database = await aDatabase(count);
    const before = await database.query<{ relation: string; file: string }>(FILES);
    const rows = await remember(database);
    await using worker = await startWorker(database);
    await vi.waitUntil(async () => worker.errors().length > 0 || (await hasRested(database)), { timeout: 10_000 });

    await upgrade(database.url);
    await vi.waitUntil(() => hasRested(database), { timeout: 20_000 });

    expect(worker.errors().filter((line) => !line.includes(BEHIND))).toEqual([]);
    expect(await forgotten(database, rows)).toEqual([]);
    // A table that was written anew was closed to everybody for as long as that took.
    expect(await database.query(FILES)).toEqual(expect.arrayContaining(before));
    expect(await database.query(FINAL)).toEqual(count > REFRESHES ? FILLED.endings : []);
  });

  async function startWorker({ url }: EmptyDatabase) {
    @Module({
      imports: [
        MikroOrmModule.forRoot({ driver: PostgreSqlDriver, clientUrl: url, autoLoadEntities: true }),
        TokenStoreModule.forRoot(),
        ...fetchModules({ allowedHosts: [metadataApi.host] }),
        MetadataRefreshModule.forRoot({ runWorker: true }),
      ],
    })
    class WorkerOnly {}
    const logger = new Listener({ logLevels: ['error'] });
    const app = await NestFactory.createApplicationContext(WorkerOnly, { logger });
    return {
      errors: () => logger.errors,
      [Symbol.asyncDispose]: () => app.close(),
    };
  }
});

describe('while somebody holds a table', () => {
  it('others who write wait for seconds at most, and the upgrade is tried again until the table is free', async () => {
    await using database = await aDatabase(indexOf('nft-metadata-2026-11-21-fairness'));
    await using holder = await holdItems(database);
    const upgraded = migrate(database.url);
    await vi.waitUntil(() => isWaiting(database, 'alter table nft_metadata.refresh_items'), { timeout: 10_000 });

    await database.query(`set lock_timeout = '5s'; update nft_metadata.refresh_items set attempt_count = 0`);
    await vi.waitUntil(async () => !(await isWaiting(database, 'alter table')), { timeout: 10_000 });
    await vi.waitUntil(() => isWaiting(database, 'alter table'), { timeout: 10_000 });
    await holder.letGo();

    await expect(upgraded).resolves.toBeUndefined();
  });

  it('an index is built beside those who write, by one of the processes that start at once', async () => {
    await using database = await aDatabase(indexOf('nft-metadata-2026-11-21-fairness-indexes'));
    await using holder = await holdItems(database);
    const upgraded = Promise.all([migrate(database.url), migrate(database.url)]);
    await vi.waitUntil(() => isWaiting(database, 'create index concurrently'), { timeout: 10_000 });

    await database.query(`set lock_timeout = '100ms'; update nft_metadata.refresh_items set attempt_count = 0`);
    await holder.letGo();
    await upgraded;

    expect(await database.query(`select from pg_index where not indisvalid`)).toEqual([]);
  });
});

it('what an earlier version has written is found by trait, number and name after the upgrade', async () => {
  await using database = await aDatabase(indexOf('nft-metadata-2026-11-28-token-search'));

  await migrate(database.url);

  const rows = await database.query(
    `select token_id::text, name_key, cardinality(trait_ids) as traits, cardinality(name_ngrams) as grams
     from nft_metadata.token_search`,
  );
  // Its collection, and on, ne, one.
  expect(rows).toContainEqual({ token_id: '1', name_key: 'one', traits: 1, grams: 4 });
  expect(await database.query('select from nft_metadata.tokens where metadata_version > 0')).toHaveLength(rows.length);
});

it.each([true, false])('migrations can be reverted and run again; all or nothing: %s', async (allOrNothing) => {
  await using database = await aDatabase(nftMetadataMigrations.length);

  await revertAll(database.url, allOrNothing);
  const tables = await database.query(`select tablename from pg_tables where schemaname = 'nft_metadata'`);
  await migrateAsHost(database.url, { allOrNothing });

  expect(tables).toEqual([{ tablename: 'migrations' }]);
  expect(await database.query('select from nft_metadata.refresh_items')).toEqual([]);
});

it('metadata URLs that were registered with blanks and empty queries are trimmed, and others stay (S3)', async () => {
  await using database = await aDatabase(indexOf('nft-metadata-2026-11-28-original-addresses'));
  const registered = [
    ['https://a.example/meta/ ', 'https://a.example/meta'],
    ['https://b.example/meta?', 'https://b.example/meta'],
    [' https://c.example/meta/#', 'https://c.example/meta'],
    ['https://d.example/meta/{id}.json', 'https://d.example/meta/{id}.json'],
    ['ipfs://ipfs/Qm', 'ipfs://ipfs/Qm'],
  ];
  for (const [index, [url]] of registered.entries()) {
    await database.query(
      `insert into nft_metadata.collections (id, chain_id, address, project_id, source, metadata_url)
       values (gen_random_uuid(), 1, $1, 'trimmed', 'metadata_api', $2)`,
      [`0x${String(index).repeat(40)}`, url],
    );
  }

  await migrate(database.url);

  expect(
    await database.query(
      `select metadata_url as url from nft_metadata.collections where project_id = 'trimmed' order by address`,
    ),
  ).toEqual(registered.map(([, url]) => ({ url })));
});

const BEHIND = 'migrations of nft_metadata are missing. Nothing is lost';
const REFRESHES = indexOf('nft-metadata-2026-11-21-refreshes');
const FILES = `select oid::regclass::text as relation, relfilenode::text as file from pg_class
  where relnamespace = 'nft_metadata'::regnamespace and relkind = 'r' and relname <> 'migrations'`;
const FINAL = `select token_id::text as "tokenId", status from nft_metadata.refresh_items order by id`;
/** What no worker has a reason to change. */
const LASTING = [
  'projects',
  'api_keys',
  'collections',
  'collection_traits',
  'refresh_quotas',
  'refresh_errors',
  'refresh_attempts',
  'request_windows',
  'used_signatures',
  'event_outbox',
  'webhooks',
  'webhook_secrets',
  'webhook_deliveries',
];

function indexOf(name: string): number {
  return nftMetadataMigrations.findIndex((migration) => migration.name === name);
}

/** With as many migrations as are said, and data in every table that they make. */
async function aDatabase(count: number) {
  const database = await createEmptyDatabase();
  await migrateAsHost(database.url, { migrations: nftMetadataMigrations.slice(0, count), allOrNothing: false });
  await fill(database, metadataApi);
  return { ...database, [Symbol.asyncDispose]: () => database.drop() };
}

async function remember({ query }: EmptyDatabase): Promise<{ table: string; row: unknown }[]> {
  const tables = await query<{ table: string }>(
    `select tablename as table from pg_tables where schemaname = 'nft_metadata' and tablename = any($1)`,
    [LASTING],
  );
  const rows = await Promise.all(
    tables.map(({ table }) =>
      query<{ table: string; row: unknown }>(
        `select '${table}' as table, to_jsonb(one) as row from nft_metadata.${table} as one`,
      ),
    ),
  );
  return rows.flat();
}

async function forgotten({ query }: EmptyDatabase, rows: Awaited<ReturnType<typeof remember>>): Promise<unknown[]> {
  const found = await Promise.all(
    rows.map(({ table, row }) =>
      query(`select from nft_metadata.${table} as one where to_jsonb(one) @> $1::jsonb`, [JSON.stringify(row)]),
    ),
  );
  return rows.filter((_, index) => found[index]!.length === 0);
}

async function hasRested({ query }: EmptyDatabase): Promise<boolean> {
  const [{ hasItems } = { hasItems: false }] = await query<{ hasItems: boolean }>(
    `select to_regclass('nft_metadata.refresh_items') is not null as "hasItems"`,
  );
  return hasItems && (await query(`select from nft_metadata.refresh_items where status = 'pending'`)).length === 0;
}

/** Like a long report, or a backup. */
async function holdItems({ url }: EmptyDatabase) {
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query('begin; lock table nft_metadata.refresh_items in row exclusive mode');
  let isHeld = true;
  const letGo = async () => {
    if (isHeld) await client.end();
    isHeld = false;
  };
  return { letGo, [Symbol.asyncDispose]: letGo };
}

async function isWaiting({ query }: EmptyDatabase, statement: string): Promise<boolean> {
  const rows = await query(
    `select from pg_stat_activity
     where wait_event_type = 'Lock' and strpos(regexp_replace(query, '\\s+', ' ', 'g'), $1) > 0 and pid <> pg_backend_pid()
       and datname = current_database()`,
    [statement],
  );
  return rows.length > 0;
}

/** Keeps what operators would read. */
class Listener extends ConsoleLogger {
  readonly errors: string[] = [];

  override error(message: unknown): void {
    this.errors.push(JSON.stringify(message));
  }
}
