import { MikroOrmModule, type MikroOrmModuleSyncOptions } from '@mikro-orm/nestjs';
import { PostgreSqlDriver } from '@mikro-orm/postgresql';
import { Projects } from '@app/project-auth';
import { MetadataHost } from '@app/testing';
import { Collections, TokenStore } from '@app/token-store';
import { Module, type INestApplication, type ModuleMetadata } from '@nestjs/common';
import type { AbstractHttpAdapter } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { Test } from '@nestjs/testing';
import { Wallet } from 'ethers';
import { NftRefreshModule, type NftRefreshExtras, type NftRefreshOptions } from '../../libs/index.js';
import type { TestDatabase } from './database.js';
import { http } from './project-api.js';

export interface HostAppOptions {
  /** Options of the MikroORM connection, or the modules of several connections. */
  mikroOrm?: MikroOrmModuleSyncOptions | ModuleMetadata['imports'];
  nftRefresh?: NftRefreshOptions & NftRefreshExtras;
  module?: ModuleMetadata;
  adapter?: AbstractHttpAdapter;
  appOptions?: { bodyParser?: boolean; rawBody?: boolean };
  configure?: (app: INestApplication) => void;
}

/** Starts a host application that embeds NftRefreshModule. */
export async function startHostApp(
  database: Pick<TestDatabase, 'url'>,
  metadataApi: MetadataHost,
  {
    mikroOrm = {},
    nftRefresh = {},
    module = {},
    adapter = new ExpressAdapter(),
    appOptions,
    configure,
  }: HostAppOptions = {},
): Promise<INestApplication> {
  const connections = Array.isArray(mikroOrm)
    ? mikroOrm
    : [
        MikroOrmModule.forRoot({
          driver: PostgreSqlDriver,
          clientUrl: database.url,
          autoLoadEntities: true,
          ...mikroOrm,
        }),
      ];
  @Module({
    ...module,
    imports: [
      ...(module.imports ?? []),
      ...connections,
      NftRefreshModule.forRoot({
        ...nftRefresh,
        safeHttp: { allowedHosts: [metadataApi.host], ...nftRefresh.safeHttp },
      }),
    ],
  })
  class ShopModule {}
  const testing = await Test.createTestingModule({ imports: [ShopModule] }).compile();
  const app = testing.createNestApplication(adapter, { logger: false, ...appOptions });
  configure?.(app);
  await app.init();
  if (adapter.getType() === 'fastify') await (adapter.getInstance() as { ready(): Promise<void> }).ready();
  return app;
}

/** A project with a key, and a collection with token 1. */
export async function aStudio(app: INestApplication, metadataApi: MetadataHost) {
  const wallet = Wallet.createRandom();
  const project = await app.get(Projects).createProject({ name: 'Studio', ownerAddress: wallet.address });
  const address = Wallet.createRandom().address.toLowerCase();
  const source = { kind: 'metadata_api' as const, url: `${metadataApi.url}/${address}` };
  const { id } = await app.get(Collections).add({ chainId: 1, address, projectId: project.id, source });
  await app.get(TokenStore).registerTokens(id, ['1']);
  return { project, address, collectionId: id, apiKey: await app.get(Projects).createApiKey(project.id) };
}

type Studio = Awaited<ReturnType<typeof aStudio>>;

/** Requests a refresh of token 1. Returns its id. */
export async function requestOne(app: INestApplication, { address, apiKey }: Studio): Promise<string> {
  const { body } = await http(app)
    .post('/v1/metadata-refreshes')
    .set('x-api-key', apiKey)
    .send({ collection_address: address, token_ids: ['1'] })
    .expect(202);
  return (body as { refresh_id: string }).refresh_id;
}

/** Refreshes token 1 and waits for completion. Returns the name in its record. */
export async function refreshOne(app: INestApplication, studio: Studio): Promise<string | null | undefined> {
  await requestOne(app, studio);
  await vi.waitUntil(() => haveAllCompleted(app, studio.apiKey), { timeout: 10_000 });
  const { collectionId } = studio;
  return (await app.get(TokenStore).findToken({ collectionId, tokenId: '1' }))?.name;
}

async function haveAllCompleted(app: INestApplication, apiKey: string): Promise<boolean> {
  const { body } = await http(app).get('/v1/metadata-refreshes').set('x-api-key', apiKey).expect(200);
  return (body as { result: { status: string }[] }).result.every(({ status }) => status === 'completed');
}
