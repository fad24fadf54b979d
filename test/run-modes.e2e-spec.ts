import { MikroOrmModule } from '@mikro-orm/nestjs';
import { PostgreSqlDriver } from '@mikro-orm/postgresql';
import { MetadataRefreshService, RefreshWorker } from '@app/metadata-refresh';
import { MetadataHost } from '@app/testing';
import { TokenStore } from '@app/token-store';
import { Injectable, Module, type INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { NftRefreshModule } from '../libs/index.js';
import request from 'supertest';
import type { App } from 'supertest/types.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { http } from './support/project-api.js';
import { aStudio, startHostApp, refreshOne } from './support/host-app.js';

let database: TestDatabase;
let metadataApi: MetadataHost;
beforeAll(async () => {
  [database, metadataApi] = await Promise.all([createDatabase(), MetadataHost.start()]);
});
afterAll(async () => {
  await metadataApi.close();
  await database.drop();
});

const connection = () =>
  MikroOrmModule.forRoot({ driver: PostgreSqlDriver, clientUrl: database.url, autoLoadEntities: true });

async function run(imports: NonNullable<Parameters<typeof Module>[0]['imports']>): Promise<INestApplicationContext> {
  @Module({ imports })
  class Host {}
  return NestFactory.createApplicationContext(Host, { logger: false, abortOnError: false });
}

it('a refresh that an `api` process accepts is completed by a `worker` process', async () => {
  const api = await startHostApp(database, metadataApi, { nftRefresh: { runMode: 'api' } });
  const studio = await aStudio(api, metadataApi);
  const accepted = await http(api)
    .post('/v1/metadata-refreshes')
    .set('x-api-key', studio.apiKey)
    .send({ collection_address: studio.address, token_ids: ['1'] });
  const token = () => api.get(TokenStore).findToken({ collectionId: studio.collectionId, tokenId: '1' });
  expect(await token()).toMatchObject({ name: null });

  const worker = await run([
    connection(),
    NftRefreshModule.forRoot({ runMode: 'worker', safeHttp: { allowedHosts: [metadataApi.host] } }),
  ]);
  await vi.waitUntil(async () => (await token())?.name === 'Token 1', { timeout: 10_000 });

  expect(accepted.status).toBe(202);
  await worker.close();
  await api.close();
});

it('a host with runWorker: false accepts refreshes, and completes them when it runs the worker itself', async () => {
  const host = await startHostApp(database, metadataApi, { nftRefresh: { runWorker: false } });
  metadataApi.hits.clear();
  const studio = await aStudio(host, metadataApi);
  await http(host)
    .post('/v1/metadata-refreshes')
    .set('x-api-key', studio.apiKey)
    .send({ collection_address: studio.address, token_ids: ['1'] })
    .expect(202);

  expect(metadataApi.hits.size).toBe(0);
  await host.get(RefreshWorker).runOnce();

  expect(await host.get(TokenStore).findToken({ collectionId: studio.collectionId, tokenId: '1' })).toMatchObject({
    name: 'Token 1',
  });
  await host.close();
});

it('a script of a host that serves pushes runs without an HTTP server', async () => {
  const script = await run([connection(), NftRefreshModule.forRoot({ runWorker: false, zkevmApiPath: 'v1' })]);

  // An error that is thrown after the start, in a timer, fails the test run.
  expect(script.get(MetadataRefreshService)).toBeInstanceOf(MetadataRefreshService);
  await script.close();
});

it('a host with exposeCollectionRoutes lets a project read its collections', async () => {
  const host = await startHostApp(database, metadataApi, {
    nftRefresh: { runMode: 'api', exposeCollectionRoutes: true },
  });
  const studio = await aStudio(host, metadataApi);

  const { body } = await http(host).get('/v1/collections').set('x-api-key', studio.apiKey).expect(200);

  expect(JSON.stringify(body)).toContain(studio.address);
  await host.close();
});

it('a process with fetchConcurrency: 1 fetches one token at a time, and the others stay pending [H8]', async () => {
  const api = await startHostApp(database, metadataApi, { nftRefresh: { runMode: 'api' } });
  const studio = await aStudio(api, metadataApi);
  await api.get(TokenStore).registerTokens(studio.collectionId, ['2', '3']);
  let open = () => {};
  const opened = new Promise<void>((done) => (open = done));
  for (const tokenId of ['1', '2', '3']) {
    metadataApi.script(tokenId, { before: () => opened, status: 200, body: { name: `Token ${tokenId}` } });
  }
  metadataApi.hits.clear();
  metadataApi.maxConcurrent = 0;
  const accepted = await http(api)
    .post('/v1/metadata-refreshes')
    .set('x-api-key', studio.apiKey)
    .send({ collection_address: studio.address, token_ids: ['1', '2', '3'] });
  const { refresh_id } = accepted.body as { refresh_id: string };
  const summary = async () =>
    (await http(api).get(`/v1/metadata-refreshes/${refresh_id}`).set('x-api-key', studio.apiKey)).body as object;

  const worker = await run([
    connection(),
    NftRefreshModule.forRoot({
      runMode: 'worker',
      safeHttp: { allowedHosts: [metadataApi.host], deadlineMs: 20_000 },
      metadataRefresh: { fetchConcurrency: 1 },
    }),
  ]);
  await vi.waitUntil(() => metadataApi.hits.size > 0, { timeout: 10_000 });
  const meanwhile = await summary();
  open();
  await vi.waitUntil(async () => ((await summary()) as { status: string }).status === 'completed', { timeout: 10_000 });

  expect(meanwhile).toMatchObject({ summary: { succeeded: 0, pending: 3 } });
  expect(await summary()).toMatchObject({ summary: { succeeded: 3, pending: 0 } });
  expect([metadataApi.hits.size, metadataApi.maxConcurrent]).toEqual([3, 1]);
  await worker.close();
  await api.close();
});

it('a `worker` process has no routes', async () => {
  const worker = await startHostApp(database, metadataApi, { nftRefresh: { runMode: 'worker' } });

  await request(worker.getHttpServer() as App)
    .get('/v1/limits')
    .expect(404);
  await worker.close();
});

it('forRootAsync reads options from a provider, and with isGlobal: false only importers can inject', async () => {
  @Injectable()
  class Settings {
    readonly tokensPerHour = 3;
  }
  @Module({ providers: [Settings], exports: [Settings] })
  class SettingsModule {}
  const refreshing = NftRefreshModule.forRootAsync({
    runMode: 'all',
    isGlobal: false,
    imports: [SettingsModule],
    inject: [Settings],
    useFactory: ({ tokensPerHour }: Settings) => ({ metadataRefresh: { tokensPerHour } }),
  });
  @Injectable()
  class Shop {
    constructor(readonly refreshes: MetadataRefreshService) {}
  }
  @Module({ imports: [refreshing], providers: [Shop] })
  class ShopModule {}
  @Injectable()
  class Elsewhere {
    constructor(readonly refreshes: MetadataRefreshService) {}
  }
  @Module({ providers: [Elsewhere] })
  class ElsewhereModule {}

  const host = await run([connection(), ShopModule]);
  const project = { id: 'shop', tokensPerRequest: null, tokensPerHour: null };
  expect((await host.get(Shop).refreshes.readLimits(project)).tokensPerHour).toMatchObject({ limit: 3 });
  await expect(run([connection(), ShopModule, ElsewhereModule])).rejects.toThrow(/MetadataRefreshService/);
  await host.close();
});

it.each([
  [{ runMode: 'workers' }, 'runMode'],
  [{ metadataRefesh: {} }, 'metadataRefesh'],
  [{ metadataRefresh: { leaseSeconds: 1 } }, 'leaseSeconds'],
])('an application does not start with wrong options: %o', async (options, name) => {
  const starting = async () => run([connection(), NftRefreshModule.forRoot(options as never)]);

  await expect(starting()).rejects.toThrow(name);
});

it('by default, one process serves the routes and refreshes', async () => {
  const shop = await startHostApp(database, metadataApi);

  expect(await refreshOne(shop, await aStudio(shop, metadataApi))).toBe('Token 1');
  await shop.close();
});
