import { MikroOrmModule } from '@mikro-orm/nestjs';
import { PostgreSqlDriver, type EntityManager } from '@mikro-orm/postgresql';
import { MetadataFetchModule, MetadataSource, type FetchTarget } from '@app/metadata-fetch';
import { MetadataRefreshModule, MetadataRefreshService, RefreshWorker } from '@app/metadata-refresh';
import { SafeHttpModule } from '@app/safe-http';
import { Clock, ProjectAuthModule, Projects } from '@app/project-auth';
import { RefreshApiModule } from '@app/refresh-api';
import { MetadataHost } from '@app/testing';
import {
  Collections,
  TokenStore,
  TokenStoreModule,
  VersionStore,
  type FailureWrite,
  type MetadataWrite,
  type StoredToken,
  type TokenQuery,
  type TokenRecord,
  type TokenReference,
  type TraitSummary,
  type WriteResult,
} from '@app/token-store';
import { Injectable, Module, type INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { Wallet } from 'ethers';
import { createDatabase, type TestDatabase } from './support/database.js';
import { http, signedHeaders } from './support/project-api.js';

/** A host's own place for token records; here a shelf in memory, which is at least once, so it looks at fetchSeq. */
@Injectable()
class Shelf extends TokenStore {
  readonly records = new Map<string, { fetchSeq: bigint; name: string | null; failure: string | null }>();

  override async registerTokens(_: string, tokenIds: readonly string[]): Promise<number> {
    for (const id of tokenIds) this.records.set(id, { fetchSeq: 0n, name: null, failure: null });
    return tokenIds.length;
  }

  override async countTokens(): Promise<number> {
    return this.records.size;
  }

  override async removeTokens(_: string, tokenIds = [...this.records.keys()]): Promise<number> {
    return tokenIds.filter((id) => this.records.delete(id)).length;
  }

  override async findUnknown(_: EntityManager, __: string, tokenIds: readonly string[]): Promise<string[]> {
    return tokenIds.filter((id) => !this.records.has(id));
  }

  override async writeMetadata(_: EntityManager, writes: readonly MetadataWrite[]): Promise<WriteResult[]> {
    return writes.map(({ tokenId, fetchSeq, metadata }) => {
      const record = this.records.get(tokenId);
      if (!record) return 'missing';
      if (record.fetchSeq >= BigInt(fetchSeq)) return 'superseded';
      this.records.set(tokenId, { fetchSeq: BigInt(fetchSeq), name: metadata?.name ?? null, failure: null });
      return 'changed';
    });
  }

  override async recordFailures(_: EntityManager, failures: readonly FailureWrite[]): Promise<void> {
    for (const { tokenId, errorReason } of failures) this.records.get(tokenId)!.failure = errorReason;
  }

  override async lockTokens(): Promise<void> {}
  override async findToken(): Promise<TokenRecord | null> {
    return null;
  }
  override async findTokens(references: readonly TokenReference[]): Promise<TokenRecord[]> {
    const known = references.filter(({ tokenId }) => this.records.has(tokenId));
    return known.map(({ tokenId }) => ({ tokenId, name: this.records.get(tokenId)!.name }) as TokenRecord);
  }
  override async listTokens({ limit = 100, after = '-1' }: TokenQuery): Promise<TokenRecord[]> {
    const ids = [...this.records.keys()].map(Number).filter((id) => id > Number(after));
    const page = ids.toSorted((one, other) => one - other).slice(0, limit);
    return page.map((id) => ({ tokenId: String(id), name: this.records.get(String(id))!.name }) as TokenRecord);
  }
  override async findTokenWithDocument(): Promise<null> {
    return null;
  }
  override async listTraits(): Promise<TraitSummary[]> {
    return [];
  }
  override async findStored(): Promise<StoredToken[]> {
    return [];
  }
}

/** A table of URLs that only the host knows. Token 13 has none. */
@Injectable()
class UrlTable extends MetadataSource {
  readonly asked: FetchTarget[] = [];

  override async locate(target: FetchTarget): Promise<string | null> {
    this.asked.push(target);
    const { source, tokenId } = target;
    return tokenId === '13' ? null : `${(source as { url: string }).url}/by-name/${tokenId.padStart(4, '0')}.json`;
  }
}

class StoppedClock extends Clock {
  override now(): Date {
    return new Date('2022-11-01T12:00:00Z');
  }
}

let database: TestDatabase;
let metadataApi: MetadataHost;
let app: INestApplication;
beforeAll(async () => {
  [database, metadataApi] = await Promise.all([createDatabase(), MetadataHost.start()]);
  @Module({
    imports: [
      MikroOrmModule.forRoot({ driver: PostgreSqlDriver, clientUrl: database.url, autoLoadEntities: true }),
      ProjectAuthModule.forRoot({ clock: { provide: Clock, useClass: StoppedClock } }),
      TokenStoreModule.forRoot({ tokenStore: { provide: TokenStore, useClass: Shelf } }),
      SafeHttpModule.forRootAsync({ useFactory: () => ({ allowedHosts: [metadataApi.host] }) }),
      MetadataFetchModule.forRootAsync({
        metadataSource: { provide: MetadataSource, useClass: UrlTable },
        useFactory: () => ({}),
      }),
      MetadataRefreshModule.forRoot(),
      RefreshApiModule.forRoot({ exposeTokenRoutes: true }),
    ],
  })
  class HostModule {}
  const testing = await Test.createTestingModule({ imports: [HostModule] }).compile();
  app = testing.createNestApplication({ logger: false });
  await app.init();
});
afterAll(async () => {
  await app.close();
  await metadataApi.close();
  await database.drop();
});

async function aCollection() {
  const wallet = Wallet.createRandom();
  const project = await app.get(Projects).createProject({ name: 'Studio', ownerAddress: wallet.address });
  const address = Wallet.createRandom().address.toLowerCase();
  const source = { kind: 'metadata_api' as const, url: metadataApi.url };
  const { id } = await app.get(Collections).add({ chainId: 1, address, projectId: project.id, source });
  await app.get(TokenStore).registerTokens(id, ['7', '8', '13']);
  return { wallet, address, id, project };
}

it('a refresh fetches from where the host’s MetadataSource says, and writes to the host’s TokenStore', async () => {
  const { address, id, project } = await aCollection();
  metadataApi.respond('0007.json', 200, { name: 'Seven' }).respond('0008.json', 404);
  const { refreshId } = await app
    .get(MetadataRefreshService)
    .request(
      { id: project.id, tokensPerHour: null, tokensPerRequest: null },
      { collectionAddress: address, tokenIds: ['7', '8', '13'] },
    );

  await app.get(RefreshWorker).runOnce();

  const { records } = app.get<Shelf>(TokenStore);
  expect(records.get('7')).toMatchObject({ name: 'Seven', failure: null });
  expect(records.get('8')).toMatchObject({ name: null, failure: 'status_404' });
  expect(records.get('13')).toMatchObject({ name: null, failure: 'no_uri' });
  expect(app.get<UrlTable>(MetadataSource, { strict: false }).asked[0]).toMatchObject({ collectionId: id });
  expect(refreshId).toEqual(expect.any(String));
});

it('tokens of a TokenStore that has only listTokens are paged by id', async () => {
  const { id: collectionId } = await aCollection();
  const store = app.get(TokenStore);

  const first = await store.pageTokens({ collectionId, limit: 2 });
  const second = await store.pageTokens({ collectionId, limit: 2, cursor: first.next! });

  expect(first.tokens.map(({ tokenId }) => tokenId)).toEqual(['7', '8']);
  expect(second).toMatchObject({ tokens: [{ tokenId: '13' }], next: null });
  await expect(store.pageTokens({ collectionId, orderBy: 'name' })).rejects.toThrow(
    'This TokenStore lists tokens by token_id, ascending, and not by name:asc.',
  );
});

it('what tokens of a TokenStore are called is read from their records, if it has no better way', async () => {
  const { id } = await aCollection();
  const store = app.get<Shelf>(TokenStore);
  store.records.set('8', { fetchSeq: 1n, name: 'Eight', failure: null });

  const names = await store.findNames(id, ['7', '8', '99']);

  expect(names).toEqual([
    { tokenId: '7', name: null },
    { tokenId: '8', name: 'Eight' },
  ]);
});

it('a selection from a TokenStore that has only listTokens is accepted page by page, in full chunks, and refreshed', async () => {
  const { address, id, project } = await aCollection();
  const store = app.get(TokenStore);
  const refreshing = { id: project.id, tokensPerHour: null, tokensPerRequest: null };
  await store.registerTokens(
    id,
    Array.from({ length: 2500 }, (_, index) => String(1000 + index * 2)),
  );

  const estimate = await app.get(MetadataRefreshService).estimate(refreshing, {
    collectionAddress: address,
    selection: { ranges: [{ from: '0', to: '3000' }] },
  });
  const { refreshId } = await app.get(MetadataRefreshService).request(refreshing, {
    collectionAddress: address,
    selection: {
      ranges: [
        { from: '2000', to: '3000' },
        { from: '0', to: '2001' },
      ],
    },
  });
  const all = await app.get(MetadataRefreshService).request(refreshing, {
    collectionAddress: address,
    selection: { all: true },
  });

  const chunksOf = (refresh: string) =>
    database.query<{ tokens: number; last: string }>(
      'select token_count::int as tokens, last_token_id::text as last from nft_metadata.refresh_chunks where refresh_id = $1 order by last_token_id',
      [refresh],
    );
  expect(estimate).toMatchObject({ tokens: 1004, exceeds: null });
  const chunks = await chunksOf(refreshId);
  expect(chunks.map(({ tokens }) => tokens)).toEqual([...Array<number>(7).fill(128), 108]);
  expect(chunks.at(-1)!.last).toBe('3000');
  expect((await chunksOf(all.refreshId)).map(({ tokens }) => tokens)).toEqual([...Array<number>(19).fill(128), 71]);
  await app.get(RefreshWorker).runOnce();
  expect(await app.get(MetadataRefreshService).getRefresh(refreshing, refreshId)).toMatchObject({
    status: 'completed',
    total: 1004,
    succeeded: 1002,
    failed: 2, // Token 8 responds with 404, and token 13 has no URL.
  });
});

it('a TokenStore without a VersionStore has no versions: its routes say that they are not supported', async () => {
  const { address, id } = await aCollection();
  const versions = `/v1/collections/${address}/tokens/7/versions`;

  expect(await app.get(VersionStore).findChanges(id, [{ tokenId: '7', version: 1 }])).toEqual([]);
  for (const path of [versions, `${versions}/1`, `${versions}/1/diff`]) {
    const { body } = await http(app).get(path).expect(501);
    expect(body).toMatchObject({ code: 'not_supported' });
  }
});

it('the age of a signature is checked by the host’s Clock', async () => {
  const { wallet } = await aCollection();
  const headers = async (at: string) => signedHeaders({ wallet }, new Date(at));

  await http(app)
    .get('/v1/limits')
    .set(await headers('2022-11-01T12:01:00Z'))
    .expect(200);
  await http(app)
    .get('/v1/limits')
    .set(await headers('2026-11-01T12:01:00Z'))
    .expect(401);
});
