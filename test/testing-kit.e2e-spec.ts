import { Refreshes, RefreshWorker } from '@app/metadata-refresh';
import { Projects } from '@app/project-auth';
import {
  MetadataHost,
  randomWallet,
  refreshed,
  TestMarketplace,
  TestPostgres,
  type TestDatabase,
  type TestMarketplaceSettings,
} from '@app/testing';
import { Collections, TokenStore } from '@app/token-store';
import { Migrator } from '@mikro-orm/migrations';
import { MikroORM } from '@mikro-orm/postgresql';
import { Module, type INestApplication } from '@nestjs/common';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { nftMetadataMigrations } from '../libs/index.js';
import { startHostApp } from './support/host-app.js';
import { http } from './support/project-api.js';

const collectionAddress = `0x${'c'.repeat(40)}`;

const MIGRATED = {
  extensions: [Migrator],
  migrations: { migrationsList: nftMetadataMigrations, snapshot: false, silent: true },
};

let postgres: TestPostgres;
let metadataHost: MetadataHost;
let database: TestDatabase;
beforeAll(async () => {
  [postgres, metadataHost] = await Promise.all([TestPostgres.start(), MetadataHost.start()]);
  database = await postgres.createDatabase();
  const options = { clientUrl: database.url, entities: [], ...MIGRATED };
  const orm = await MikroORM.init({ ...options, discovery: { warnWhenNoEntities: false } });
  await orm.migrator.up();
  await orm.close();
});
afterAll(async () => {
  await metadataHost.close();
  await postgres.stop();
});

describe.each([
  ['that runs', true],
  ['that does not run', false],
])('with a worker %s', (_, runWorker) => {
  let app: INestApplication;
  let collectionId: string;
  beforeAll(async () => {
    app = await startHostApp(database, metadataHost, { nftRefresh: { runWorker } });
    const projects = app.get(Projects);
    const { id: projectId } = await projects.createProject({ name: 'Studio', ownerAddress: randomWallet().address });
    const source = { kind: 'metadata_api' as const, url: metadataHost.url };
    const collection = { chainId: 1, address: collectionAddress, projectId, source };
    collectionId = (await app.get(Collections).add(collection)).id;
    await app.get(TokenStore).registerTokens(collectionId, ['1', '2', '3']);
  });
  afterEach(() => metadataHost.forgetScripts());
  afterAll(async () => {
    await app.get(Collections).remove(collectionId);
    await app.close();
  });

  it(`refreshed returns the receipt, the refresh and the records in the order of the request (worker ${_})`, async () => {
    metadataHost.respond('3', 200, { name: 'Three' }).respond('1', 404);

    const { receipt, refresh, records } = await refreshed(app, { collectionAddress, tokenIds: ['3', '1', '9', '3'] });

    expect(receipt).toMatchObject({ refreshId: refresh.id, isReplayed: false });
    expect(refresh).toMatchObject({ status: 'completed', total: 3, succeeded: 1, failed: 2 });
    expect(records.map(({ tokenId, name }) => ({ tokenId, name }))).toEqual([
      { tokenId: '3', name: 'Three' },
      { tokenId: '1', name: null },
    ]);
  });

  it(`refreshed moves the clock to retries and to the end of a cooldown, and does not wait for them (worker ${_})`, async () => {
    metadataHost.misbehave('1', 'responds with 503');
    metadataHost.script(
      '2',
      { status: 429, body: '', headers: { 'retry-after': '60' } },
      { behaviour: 'responds well' },
    );
    const [before, startedAt] = [await database.clock.now(), performance.now()];

    const { refresh, records } = await refreshed(app, { collectionAddress, clock: database.clock });

    expect(refresh).toMatchObject({
      succeeded: 2,
      failed: 1,
      reasons: [{ reason: 'status_503', exampleTokenId: '1' }],
    });
    expect(records.map(({ tokenId }) => tokenId)).toEqual(['1', '2', '3']);
    expect((await database.clock.now()).getTime() - before.getTime()).toBeGreaterThanOrEqual(60_000);
    expect(performance.now() - startedAt).toBeLessThan(30_000);
  });
});

describe('mistakes', () => {
  let app: INestApplication;
  beforeAll(async () => {
    app = await startHostApp(database, metadataHost, { nftRefresh: { runWorker: false } });
  });
  afterAll(() => app.close());

  it('refreshed says that a collection is not registered', async () => {
    const address = `0x${'d'.repeat(40)}`;

    await expect(refreshed(app, { collectionAddress: address })).rejects.toThrow(
      `Collection ${address} is not registered. Register it with Collections.add first.`,
    );
  });

  it('refreshed that takes too long says how many tokens are pending, and why', async () => {
    const { id: projectId } = await app
      .get(Projects)
      .createProject({ name: 'Slow', ownerAddress: randomWallet().address });
    const address = `0x${'e'.repeat(40)}`;
    const source = { kind: 'metadata_api' as const, url: metadataHost.url };
    const { id } = await app.get(Collections).add({ chainId: 1, address, projectId, source });
    await app.get(TokenStore).registerTokens(id, ['1']);
    metadataHost.respond('1', 503, '', { 'retry-after': '600' });

    const waiting = refreshed(app, { collectionAddress: address, timeoutMs: 500 });

    await expect(waiting).rejects.toThrow(
      /^Refresh \S+ has not ended after 0\.5 seconds: 1 of its 1 tokens are pending\. The host 127\.0\.0\.1:\d+ asked for a pause/,
    );
    const [{ id: refreshId } = { id: '' }] = await app.get(Refreshes).list({ collectionId: id });
    await app.get(Refreshes).cancel(refreshId);
    await app.get(RefreshWorker).runOnce();
  });
});

describe('TestMarketplace', () => {
  const VARIABLE = 'TEST_MARKETPLACE_DATABASE';
  const environment = ({ databaseUrl }: TestMarketplaceSettings) => ({ [VARIABLE]: databaseUrl });
  const readDatabases = () => database.query('select datname from pg_database order by datname');

  it('TestMarketplace starts an application on a server that suites share, and leaves neither its database nor its variables behind', async () => {
    const databases = await readDatabases();
    const shop = await TestMarketplace.start({
      postgres,
      environment,
      tokenIds: ['7', '8'],
      app: (settings) =>
        startHostApp({ url: process.env[VARIABLE]! }, settings.metadataHost, {
          adapter: new FastifyAdapter(),
          mikroOrm: MIGRATED,
          nftRefresh: { runWorker: false },
        }),
    });
    shop.metadataHost.respond('7', 404).respond('8', 200, { name: 'Eight' });

    const { refresh, records } = await shop.refresh();
    const body = { collection_address: shop.collectionAddress, token_ids: ['7'] };
    const requested = await http(shop.app)
      .post('/v1/metadata-refreshes')
      .set(await shop.signedHeaders())
      .send(body);
    await shop.stop();

    expect(refresh).toMatchObject({ total: 2, succeeded: 1, failed: 1 });
    expect(records.map(({ tokenId, name }) => [tokenId, name])).toEqual([
      ['7', null],
      ['8', 'Eight'],
    ]);
    expect(requested.status).toBe(202);
    expect(await readDatabases()).toEqual(databases);
    expect(process.env[VARIABLE]).toBeUndefined();
  });

  it('an application that cannot be started fails TestMarketplace with its own error, and nothing is left behind', async () => {
    const databases = await readDatabases();
    process.env[VARIABLE] = 'before';
    @Module({ providers: [{ provide: 'SHOP', useFactory: () => Promise.reject(new Error('The shop is closed.')) }] })
    class ClosedShop {}

    const start = TestMarketplace.start({ postgres, environment, app: () => ClosedShop });

    await expect(start).rejects.toThrow('The shop is closed.');
    expect(await readDatabases()).toEqual(databases);
    expect(process.env[VARIABLE]).toBe('before');
    delete process.env[VARIABLE];
  });
});

it('a database of the kit has a clock that can be moved and stopped, for its own tables in public as well', async () => {
  const own = await postgres.createDatabase();
  const { clock } = own;
  await own.query('create table shop_orders (at timestamptz default now())');
  await clock.freeze();
  const [before] = await own.query<{ now: Date }>('select now() as now');

  await clock.advance(90);
  await own.query('insert into shop_orders default values');

  const [row] = await own.query<{ at: Date; schema: string }>(
    `select at, (select relnamespace::regnamespace::text from pg_class where relname = 'shop_orders') as schema from shop_orders`,
  );
  expect(row!.at.getTime() - before!.now.getTime()).toBe(90_000);
  expect(row!.schema).toBe('public');
  await clock.unfreeze();
  expect((await clock.now()).getTime()).toBeGreaterThan(row!.at.getTime());
  await own.drop();
});
