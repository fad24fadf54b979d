import { Migration } from '@mikro-orm/migrations';
import { Client } from 'pg';
import { migrate } from '../../src/database/migrations.js';
import { startPgBouncer, type PgBouncer } from '../support/pgbouncer.js';
import { runServiceToItsEnd, startServiceProcess, type ServiceProcess } from '../support/service-process.js';
import { startApp, type TestApp } from '../support/start-app.js';

const POOL_SIZE = 6;

let test: TestApp;
beforeAll(async () => {
  test = await startApp();
});
afterAll(() => test.stop());

/** A service by way of the pooler, as an API and as a worker. */
async function startServices(pooler: PgBouncer): Promise<{ api: ServiceProcess; worker: ServiceProcess }> {
  const { metadataApi } = test;
  const start = (runMode: 'api' | 'worker') =>
    startServiceProcess({ database: { url: pooler.url }, metadataApi }, runMode);
  const [api, worker] = await Promise.all([start('api'), start('worker')]);
  return { api, worker };
}

async function refresh(api: ServiceProcess, tokenIds: readonly string[]): Promise<void> {
  const { apiKey, collectionAddress } = await test.aProject({ tokens: tokenIds });
  const headers = { 'x-api-key': apiKey, 'content-type': 'application/json' };
  const accepted = await fetch(`${api.url}/v1/metadata-refreshes`, {
    method: 'POST',
    headers,
    body: JSON.stringify({ collection_address: collectionAddress, token_ids: tokenIds }),
  });
  const { refresh_id } = (await accepted.json()) as { refresh_id: string };
  const read = async () =>
    (await (await fetch(`${api.url}/v1/metadata-refreshes/${refresh_id}`, { headers })).json()) as {
      status: string;
      summary: object;
    };
  await vi.waitUntil(async () => (await read()).status === 'completed', { timeout: 20_000, interval: 50 });
  expect(await read()).toMatchObject({ summary: { succeeded: tokenIds.length, failed: 0 } });
}

/** What every client of the pooler finds in the sessions that it gets: all of them at once, each in a transaction. */
async function sessions(pooler: PgBouncer): Promise<object[]> {
  const clients = Array.from({ length: POOL_SIZE }, () => new Client({ connectionString: pooler.url }));
  try {
    for (const client of clients) {
      await client.connect();
      await client.query('begin');
    }
    return await Promise.all(
      clients.map(async (client) => {
        const { rows } = await client.query<object>(
          `select current_setting('statement_timeout') as statement,
             current_setting('idle_in_transaction_session_timeout') as idle, current_setting('jit') as jit,
             array(select channel from pg_listening_channels() as channel where channel not like 'nft_metadata_test_%') as channels`,
        );
        return rows[0]!;
      }),
    );
  } finally {
    await Promise.all(clients.map((client) => client.end()));
  }
}

describe('PgBouncer in transaction mode', () => {
  let pooler: PgBouncer;
  let api: ServiceProcess;
  let worker: ServiceProcess;
  beforeAll(async () => {
    pooler = await startPgBouncer(test.database.url, 'transaction', { default_pool_size: POOL_SIZE });
    ({ api, worker } = await startServices(pooler));
  });
  afterAll(async () => {
    await Promise.all([api.end('SIGKILL'), worker.end('SIGKILL')]);
    await pooler.stop();
  });

  it('behind PgBouncer in transaction mode, a worker warns once that notifications do not arrive, and refreshes by polling', async () => {
    const warnings = () => worker.output().match(/LISTEN does not work; polling for new refreshes/g) ?? [];
    await vi.waitUntil(() => warnings().length > 0, { timeout: 20_000 });

    await refresh(api, ['1', '2', '3']);
    await refresh(api, ['4', '5', '6']);

    expect(warnings()).toHaveLength(1);
    expect(worker.output()).toContain('is there a pooler in transaction mode?');
    for (const { url } of [api, worker]) expect((await fetch(`${url}/health/ready`)).status).toBe(200);
  });

  it('behind PgBouncer in transaction mode, the service leaves no setting and no LISTEN in the sessions that other clients get', async () => {
    await refresh(api, ['7', '8', '9']);
    await Promise.all([api.end('SIGTERM'), worker.end('SIGTERM')]);

    expect(new Set((await sessions(pooler)).map((session) => JSON.stringify(session)))).toEqual(
      new Set([JSON.stringify({ statement: '0', idle: '0', jit: 'on', channels: [] })]),
    );
  });
});

async function poolerForThisTest(...args: Parameters<typeof startPgBouncer>): Promise<PgBouncer> {
  const pooler = await startPgBouncer(...args);
  onTestFinished(() => pooler.stop());
  return pooler;
}

it('an empty database is migrated through PgBouncer in transaction mode', async () => {
  const pooler = await poolerForThisTest(test.database.url, 'transaction', { default_pool_size: POOL_SIZE });
  const name = `pooled_${process.pid}`;
  await test.database.query(`create database ${name}`);
  onTestFinished(async () => {
    await test.database.query(`drop database ${name} with (force)`);
  });
  const url = new URL(`/${name}`, pooler.url).href;

  const service = await startServiceProcess({ database: { url }, metadataApi: test.metadataApi }, 'all');
  const { status } = await fetch(`${service.url}/health/ready`);
  await service.end('SIGTERM');

  expect(status).toBe(200);
});

it('a migration that takes longer than the limits of PgBouncer and of the database user runs to its end', async () => {
  const pooler = await poolerForThisTest(test.database.url, 'transaction', { idle_transaction_timeout: 3 });
  const name = `limited_${process.pid}`;
  await test.database.query(`create database ${name}`);
  onTestFinished(async () => {
    await test.database.query(`drop database ${name} with (force)`);
  });
  await test.database.query(`alter database ${name} set statement_timeout = '3s'`);
  await test.database.query(`alter database ${name} set idle_in_transaction_session_timeout = '3s'`);
  class SlowMigration extends Migration {
    override up(): void {
      this.addSql('select pg_sleep(8)');
    }
  }

  await migrate(new URL(`/${name}`, pooler.url).href, [SlowMigration]);
});

it('a service does not wait longer than DATABASE_WAIT_SECONDS for a pool whose sessions are all taken', async () => {
  const pooler = await poolerForThisTest(test.database.url, 'transaction', {
    default_pool_size: 1,
    query_wait_timeout: 120,
  });
  const holder = new Client({ connectionString: pooler.url });
  await holder.connect();
  await holder.query('begin');
  const started = performance.now();

  const { status, out, err } = await runServiceToItsEnd({ DATABASE_URL: pooler.url, DATABASE_WAIT_SECONDS: '2' });

  const seconds = (performance.now() - started) / 1000;
  await holder.end();
  expect({ status, err }).toEqual({
    status: 1,
    err: expect.stringMatching(
      /^The database at \S+ did not respond within 2 seconds \(DATABASE_WAIT_SECONDS\): [^\n]+\n$/,
    ),
  });
  expect(out.match(/waiting for the database/g)).toHaveLength(1);
  expect(seconds).toBeLessThan(20);
});

it('PgBouncer in session mode passes notifications on: the worker listens and logs no warning', async () => {
  const pooler = await poolerForThisTest(test.database.url, 'session');

  const { api, worker } = await startServices(pooler);
  await vi.waitUntil(async () => (await listening()) === 1, { timeout: 20_000 });
  await refresh(api, ['10', '11']);
  await Promise.all([api.end('SIGTERM'), worker.end('SIGTERM')]);

  expect(worker.output()).not.toContain('polling only');
});

async function listening(): Promise<number> {
  const sessions = await test.database.query(
    `select from pg_stat_activity where datname = current_database() and query = 'listen nft_metadata_refresh'`,
  );
  return sessions.length;
}

it.each([
  ['a database that is not there', (url: string) => new URL('/nowhere', url).href, /nowhere does not exist/],
  ['a wrong password', (url: string) => url.replace(/:[^:@]+@/, ':wrong@'), /SASL authentication failed/],
  [
    'a parameter that PgBouncer does not take',
    (url: string) => `${url}?options=-c%20search_path%3Dx`,
    /unsupported startup parameter: options/,
  ],
])('behind PgBouncer, %s ends the service with one sentence', async (_, change, sentence) => {
  const pooler = await poolerForThisTest(test.database.url, 'transaction');

  const { status, err } = await runServiceToItsEnd({ DATABASE_URL: change(pooler.url) });

  expect(status).toBe(1);
  expect(err).toMatch(sentence);
  expect(err.trim().split('\n')).toHaveLength(1);
});
