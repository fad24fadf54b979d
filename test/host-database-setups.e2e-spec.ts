import { defineEntity, EntityCaseNamingStrategy, p } from '@mikro-orm/core';
import { MikroOrmModule } from '@mikro-orm/nestjs';
import { EntityManager, PostgreSqlDriver } from '@mikro-orm/postgresql';
import { ProjectDirectory, type CallingProject } from '@app/project-auth';
import { MetadataHost } from '@app/testing';
import { TokenStore } from '@app/token-store';
import { Injectable, Scope, type INestApplication } from '@nestjs/common';
import { types } from 'pg';
import { createDatabase, createEmptyDatabase, type TestDatabase } from './support/database.js';
import { http } from './support/project-api.js';
import { aStudio, startHostApp, refreshOne, type HostAppOptions } from './support/host-app.js';

const Sale = defineEntity({
  name: 'Sale',
  properties: { id: p.integer().primary(), price: p.text(), deletedAt: p.datetime().nullable() },
});

const CONNECTIONS: [string, NonNullable<HostAppOptions['mikroOrm']>][] = [
  ['lists its entities itself', { autoLoadEntities: false, entities: [Sale] }],
  ['has an EntityManager of its own for each request', { scope: Scope.REQUEST }],
  ['has no request context', { registerRequestContext: false }],
  ['names columns like properties', { namingStrategy: EntityCaseNamingStrategy }],
  ['has its tables in a schema of its own', { schema: 'shop' }],
  [
    'hides what is deleted by a filter for all entities',
    { entities: [Sale], filters: { notDeleted: { cond: { deletedAt: null }, default: true } } },
  ],
  ['keeps times in UTC', { forceUtcTimezone: true, timezone: 'Z' }],
  ['checks what it writes', { validateRequired: true, forceEntityConstructor: true }],
  ['has a small pool', { pool: { min: 0, max: 3 } }],
];

let database: TestDatabase;
let metadataApi: MetadataHost;
beforeAll(async () => {
  [database, metadataApi] = await Promise.all([createDatabase(), MetadataHost.start()]);
});
afterAll(async () => {
  await metadataApi.close();
  await database.drop();
});

const shops: INestApplication[] = [];
async function open(options: HostAppOptions): Promise<INestApplication> {
  shops.push(await startHostApp(database, metadataApi, options));
  return shops.at(-1)!;
}
afterEach(async () => {
  for (const shop of shops.splice(0)) await shop.close();
});

it.each(CONNECTIONS)('a refresh completes in a host whose connection %s', async (_, mikroOrm) => {
  const shop = await open({ mikroOrm });

  expect(await refreshOne(shop, await aStudio(shop, metadataApi))).toBe('Token 1');
});

it.each([
  ['numbers', Number],
  ['BigInt', BigInt],
])(
  'a refresh completes, and traits are counted, in a host that reads large numbers as %s everywhere',
  async (_, read) => {
    using __ = readingLargeNumbers(read);
    const shop = await open({});
    const studio = await aStudio(shop, metadataApi);
    metadataApi.script(
      '1',
      { status: 200, body: { name: 'One', attributes: [{ trait_type: 'Eyes', value: 'Green' }] } },
      { status: 200, body: { name: 'Token 1', attributes: [{ trait_type: 'Eyes', value: 'Green' }] } },
    );

    await refreshOne(shop, studio);
    await refreshOne(shop, studio);

    expect(await shop.get(TokenStore).listTraits({ collectionId: studio.collectionId })).toMatchObject([
      { traitType: 'Eyes', values: [{ value: 'Green', tokenCount: 1 }] },
    ]);
  },
);

/** Of all connections of this process, until it is disposed of. */
function readingLargeNumbers(read: (text: string) => unknown): Disposable {
  const before = types.getTypeParser(types.builtins.INT8) as (text: string) => unknown;
  types.setTypeParser(types.builtins.INT8, read);
  return { [Symbol.dispose]: () => types.setTypeParser(types.builtins.INT8, before) };
}

it('a claim runs without JIT compilation, and a suspended process does not keep its locks for long', async () => {
  const shop = await open({});
  const studio = await aStudio(shop, metadataApi);
  await database.query(`create table claims (compiled text, idle_for_at_most text)`);
  await database.query(`
    create function note_claim() returns trigger language plpgsql as $$
    begin
      insert into claims values (current_setting('jit'), current_setting('idle_in_transaction_session_timeout'));
      return null;
    end $$`);
  await database.query(`
    create trigger note_claim after update of claim_count on nft_metadata.refresh_chunks
    for each row execute function note_claim()`);

  expect(await refreshOne(shop, studio)).toBe('Token 1');
  expect(await database.query('select * from claims')).toEqual([{ compiled: 'off', idle_for_at_most: '10s' }]);
});

it('two applications in one process do not notice each other', async () => {
  const one = await open({});
  const other = await open({ mikroOrm: { entities: [Sale] } });
  expect(await refreshOne(other, await aStudio(other, metadataApi))).toBe('Token 1');
  await shops.splice(1, 1)[0]!.close();
  const third = await open({});

  expect(await refreshOne(one, await aStudio(one, metadataApi))).toBe('Token 1');
  expect(await refreshOne(third, await aStudio(third, metadataApi))).toBe('Token 1');
});

describe('two connections to two databases', () => {
  let own: Pick<TestDatabase, 'url' | 'query' | 'drop'>;
  beforeAll(async () => {
    own = await createEmptyDatabase();
    await own.query(`create table users (id text primary key, key text)`);
    await own.query(`insert into users values ('ann', 'shop-ann')`);
  });
  afterAll(() => own.drop());

  /** Injects the connection without a name, as the host's classes do. */
  @Injectable()
  class Users extends ProjectDirectory {
    constructor(private readonly em: EntityManager) {
      super();
    }
    override isApiKey = (text: string) => text.startsWith('shop-');
    override findById = async () => null;
    override findByOwner = async () => null;
    override async findByApiKey(key: string): Promise<CallingProject | null> {
      const [user] = await this.em.fork().execute<{ id: string }[]>('select id from users where key = ?', [key]);
      return user ? { id: user.id, name: user.id, ownerAddress: `0x${'0'.repeat(40)}` } : null;
    }
  }

  const nameless = () =>
    MikroOrmModule.forRoot({
      driver: PostgreSqlDriver,
      clientUrl: own.url,
      entities: [Sale],
      registerRequestContext: false,
    });
  const named = () =>
    MikroOrmModule.forRoot({
      contextName: 'nft',
      driver: PostgreSqlDriver,
      clientUrl: database.url,
      autoLoadEntities: true,
      registerRequestContext: false,
    });

  it('a host with two connections to two databases refreshes in the one that it names', async () => {
    const shop = await open({ mikroOrm: [nameless(), named()], nftRefresh: { contextName: 'nft' } });

    expect(await refreshOne(shop, await aStudio(shop, metadataApi))).toBe('Token 1');
    expect(await own.query(`select from pg_namespace where nspname = 'nft_metadata'`)).toEqual([]);
  });

  it('a host with two connections to two databases keeps the other one for its own classes', async () => {
    const shop = await open({
      mikroOrm: [nameless(), named()],
      nftRefresh: { contextName: 'nft', projectDirectory: { provide: ProjectDirectory, useClass: Users } },
    });

    await http(shop).get('/v1/metadata-refreshes').set('x-api-key', 'shop-ann').expect(200);
    await http(shop).get('/v1/metadata-refreshes').set('x-api-key', 'shop-bob').expect(401);
  });

  it('a host whose only connection has a name needs no connection without one', async () => {
    const shop = await open({ mikroOrm: [named()], nftRefresh: { contextName: 'nft' } });

    expect(await refreshOne(shop, await aStudio(shop, metadataApi))).toBe('Token 1');
  });
});
