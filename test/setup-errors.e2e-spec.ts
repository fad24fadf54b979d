import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MikroOrmModule } from '@mikro-orm/nestjs';
import { PostgreSqlDriver } from '@mikro-orm/postgresql';
import { MetadataEventsModule } from '@app/metadata-events';
import { MetadataFetchModule } from '@app/metadata-fetch';
import { MetadataRefreshModule } from '@app/metadata-refresh';
import { ProjectAuthModule, Projects } from '@app/project-auth';
import { RefreshApiModule } from '@app/refresh-api';
import { SafeHttpModule } from '@app/safe-http';
import { TokenStoreModule } from '@app/token-store';
import { Module, type INestApplication, type LoggerService, type ModuleMetadata } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import request from 'supertest';
import type { App } from 'supertest/types.js';
import { NftRefreshModule } from '../libs/index.js';
import { createDatabase, createEmptyDatabase, type TestDatabase } from './support/database.js';
import { createHostFolder, installPackage } from './support/npm-pack.js';

let database: TestDatabase;
beforeAll(async () => {
  database = await createDatabase();
});
afterAll(() => database.drop());

/** What a developer reads when an application with these modules is started; '' when it starts. */
async function startingSays(imports: () => NonNullable<ModuleMetadata['imports']>): Promise<string> {
  let app: INestApplication | undefined;
  try {
    app = await create(imports());
    await app.init();
    return '';
  } catch (error) {
    return (error as Error).message;
  } finally {
    await app?.close().catch(() => {});
    MikroOrmModule.clearStorage();
  }
}

function create(imports: NonNullable<ModuleMetadata['imports']>, logger: LoggerService | false = false) {
  @Module({ imports })
  class Host {}
  return NestFactory.create(Host, { logger, abortOnError: false });
}

const connection = (contextName?: string, url = database.url) =>
  MikroOrmModule.forRoot({
    driver: PostgreSqlDriver,
    clientUrl: url,
    autoLoadEntities: true,
    // The middleware of @mikro-orm/nestjs needs a connection without a name.
    ...(contextName && { contextName, registerRequestContext: false }),
  });

/** Of a service whose migrations have run. */
async function anApiKey(): Promise<string> {
  const app = await create([connection(), NftRefreshModule.forRoot({ runMode: 'api' })]);
  await app.init();
  const ownerAddress = '0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266';
  const { id } = await app.get(Projects).createProject({ name: 'Studio', ownerAddress });
  const key = await app.get(Projects).createApiKey(id);
  await app.close();
  return key;
}

/** As a host without types would write it. */
const untyped = (options: object) => options as never;

describe('applications without the right MikroORM connection', () => {
  it.each([
    ['NftRefreshModule', () => [NftRefreshModule.forRoot()]],
    ['NftRefreshModule from a factory', () => [NftRefreshModule.forRootAsync({ useFactory: () => ({}) })]],
    ['a worker alone', () => [NftRefreshModule.forRoot({ runMode: 'worker' })]],
    ['TokenStoreModule', () => [TokenStoreModule.forRoot()]],
    ['ProjectAuthModule', () => [ProjectAuthModule.forRoot()]],
  ])(
    'an application without MikroORM fails to start with an error that names what to import: %s',
    async (_, imports) => {
      expect(await startingSays(imports)).toMatch(
        /^(ProjectAuth|TokenStore|MetadataRefresh)Module: this application has no MikroORM connection\. Import MikroOrmModule\.forRoot\(\{ driver: PostgreSqlDriver/,
      );
    },
  );

  it('an application with a contextName that no connection has fails to start with an error that lists the existing names', async () => {
    const said = await startingSays(() => [
      connection('nft'),
      connection('shop'),
      NftRefreshModule.forRoot({ contextName: 'ntf' }),
    ]);

    expect(said).toMatch(
      /Module: contextName is "ntf", and this application has no MikroORM connection of that name\. There are "nft", "shop"\./,
    );
  });

  it('an application with a contextName and only a connection without a name fails to start with an error that names what to import', async () => {
    expect(await startingSays(() => [connection(), NftRefreshModule.forRoot({ contextName: 'nft' })])).toMatch(
      /contextName is "nft", and this application has no MikroORM connection of that name\. Import MikroOrmModule\.forRoot\(\{ …, contextName: "nft" \}\)/,
    );
  });

  it('an application with named connections only, and no contextName, fails to start with an error that lists the names', async () => {
    expect(await startingSays(() => [connection('main'), NftRefreshModule.forRoot()])).toMatch(
      /this application has MikroORM connections with names only, and no contextName says which has our tables\. There is "main"\./,
    );
  });

  it('an application whose connection itself fails gets the error of that connection', async () => {
    const broken = () =>
      MikroOrmModule.forRoot({ driver: PostgreSqlDriver, clientUrl: database.url, entities: ['./nowhere/*.js'] });

    const said = await startingSays(() => [broken(), NftRefreshModule.forRoot()]);

    expect(said).toMatch(/entit/i);
    expect(said).not.toContain('no MikroORM connection');
  });
});

describe('modules that are set up twice', () => {
  it('two calls of forRoot on one database are refused, because they would be two workers', async () => {
    expect(
      await startingSays(() => [
        connection(),
        NftRefreshModule.forRoot(),
        NftRefreshModule.forRoot({ metadataRefresh: { tokensPerHour: 5 } }),
      ]),
    ).toMatch(
      /^MetadataRefreshModule: this application sets it up twice on the same database.*two workers.*Import it once, in the root module/,
    );
  });

  it('two contextNames of one database are refused, because they would be two workers', async () => {
    const twice = () => [
      connection('one'),
      connection('same'),
      NftRefreshModule.forRoot({ contextName: 'one' }),
      NftRefreshModule.forRoot({ contextName: 'same' }),
    ];

    expect(await startingSays(twice)).toMatch(
      /^MetadataRefreshModule: this application sets it up twice on the same database.*with two contextNames/,
    );
  });

  it('two databases may have a module each', async () => {
    const other = await createDatabase();
    const each = () => [
      connection('left'),
      connection('right', other.url),
      NftRefreshModule.forRoot({ runMode: 'api', contextName: 'left' }),
      NftRefreshModule.forRoot({ runMode: 'api', contextName: 'right' }),
    ];

    const said = await startingSays(each);
    await other.drop();

    expect(said).toBe('');
  });

  it('two event modules on one database are refused, because consumers would miss events', async () => {
    expect(
      await startingSays(() => [
        connection(),
        NftRefreshModule.forRoot(),
        MetadataEventsModule.forRoot(),
        MetadataEventsModule.forRoot({ runDelivery: true }),
      ]),
    ).toMatch(/^MetadataEventsModule: this application sets it up twice on the same database/);
  });

  it('one dynamic module may be imported in two places', async () => {
    const shared = NftRefreshModule.forRoot({ runMode: 'api' });
    @Module({ imports: [shared] })
    class Feature {}

    expect(await startingSays(() => [connection(), shared, Feature])).toBe('');
  });
});

describe('misplaced options', () => {
  it.each<[object, string]>([
    [{ tokensPerHour: 5 }, 'tokensPerHour belongs to metadataRefresh: { metadataRefresh: { tokensPerHour: … } }'],
    [{ allowedHosts: [] }, 'allowedHosts belongs to safeHttp: { safeHttp: { allowedHosts: … } }'],
    [{ metadataRefresh: { allowedHosts: [] } }, 'allowedHosts belongs to safeHttp: { safeHttp: { allowedHosts: … } }'],
    [
      { metadataFetch: { contextName: 'nft' } },
      'contextName belongs next to metadataFetch, not inside it: { contextName: …, metadataFetch: … }',
    ],
    [
      { tokenPerHour: 5 },
      'tokenPerHour is not an option; did you mean tokensPerHour? tokensPerHour belongs to metadataRefresh: {',
    ],
    [{ metadatarefresh: {} }, 'metadatarefresh is not an option here; did you mean metadataRefresh?'],
    [{ exposeTokenRoute: true }, 'exposeTokenRoute is not an option here; did you mean exposeTokenRoutes?'],
    [
      { colour: 'red' },
      'colour is not an option here; there are chainEvents, clock, contextName, contractWallets, decorators',
    ],
    [{ runDelivery: true }, 'runDelivery belongs to MetadataEventsModule, which you import separately'],
    [{ runMode: 'workers' }, 'runMode'],
  ])('the error for a misplaced option names where it belongs: %j', async (options, text) => {
    const said = await startingSays(() => [connection(), NftRefreshModule.forRoot(untyped(options))]);

    expect(said).toMatch(/^NftRefreshModule: wrong options\.\n/);
    expect(said).toContain(text);
  });

  it.each<[object, object, string]>([
    [{ metadataRefresh: {} }, {}, 'metadataRefresh belongs to what the factory returns: forRootAsync({ useFactory'],
    [{ tokensPerHour: 5 }, {}, 'tokensPerHour belongs to metadataRefresh: { metadataRefresh: { tokensPerHour: … } }'],
    [{ runmode: 'api' }, {}, 'runmode is not an option here; did you mean runMode?'],
    [{}, { runMode: 'api' }, 'runMode belongs next to the factory: forRootAsync({ runMode: …, useFactory })'],
    [{}, { tokensPerHour: 5 }, 'tokensPerHour belongs to metadataRefresh'],
    [{}, { metadataRefresh: { userAgent: 'x' } }, 'userAgent belongs to safeHttp'],
  ])(
    'the error for a misplaced option names where it belongs: %j beside a factory that returns %j',
    async (beside, returned, text) => {
      const said = await startingSays(() => [
        connection(),
        NftRefreshModule.forRootAsync(untyped({ ...beside, useFactory: () => returned })),
      ]);

      expect(said).toMatch(/^NftRefreshModule: wrong options\.\n/);
      expect(said).toContain(text);
    },
  );

  it('the error for a factory that returns nothing says what it must return', async () => {
    const nothing = untyped({ useFactory: () => undefined });

    expect(await startingSays(() => [connection(), NftRefreshModule.forRootAsync(nothing)])).toContain(
      'the factory must return an object with options, and returned undefined',
    );
  });
});

describe('unknown options', () => {
  it.each([
    ['MetadataRefreshModule', () => MetadataRefreshModule.forRoot(untyped({ tokenPerHour: 5 })), 'tokensPerHour'],
    ['MetadataRefreshModule', () => MetadataRefreshModule.forRoot(untyped({ startWorker: true })), 'runWorker'],
    ['MetadataFetchModule', () => MetadataFetchModule.forRoot(untyped({ rpcUrl: {} })), 'rpcUrls'],
    ['MetadataEventsModule', () => MetadataEventsModule.forRoot(untyped({ deliver: true })), 'runDelivery'],
    ['ProjectAuthModule', () => ProjectAuthModule.forRoot(untyped({ request_per_second: 1 })), 'requestsPerSecond'],
    [
      'TokenStoreModule',
      () => TokenStoreModule.forRoot(untyped({ context: 'nft' })),
      'contextName, isGlobal, stagingStore, tokenStore, versionStore',
    ],
    ['RefreshApiModule', () => RefreshApiModule.forRoot(untyped({ partnerApiPath: [] })), 'partnerApiPaths'],
    [
      'MetadataRefreshModule',
      () => MetadataRefreshModule.forRootAsync(untyped({ useFactory: () => ({}), startWorker: true })),
      'runWorker',
    ],
    [
      'MetadataRefreshModule',
      () => MetadataRefreshModule.forRootAsync(untyped({ useFactory: () => ({}), tokensPerHour: 5 })),
      'tokensPerHour belongs to what the factory returns',
    ],
    [
      'SafeHttpModule',
      () => SafeHttpModule.forRootAsync({ useFactory: () => untyped({ allowHosts: [] }) }),
      'allowedHosts',
    ],
  ])('each module refuses an unknown option and suggests the most similar one: %s', async (module, imported, text) => {
    const said = await startingSays(() => [imported()]);

    expect(said).toMatch(new RegExp(String.raw`^${module}: wrong options\.\n✖ `));
    expect(said).toContain(text);
  });
});

describe('databases without the migrations', () => {
  it('a request to a database without the migrations gets 503 in each dialect, and the log names what to do', async () => {
    const key = await anApiKey();
    const empty = await createEmptyDatabase();
    const lines: string[] = [];
    const note = (message: unknown) => void lines.push(JSON.stringify(message));
    const logger = { log: () => {}, warn: note, error: note };
    const imports = [
      MikroOrmModule.forRoot({ driver: PostgreSqlDriver, clientUrl: empty.url, autoLoadEntities: true }),
      NftRefreshModule.forRoot({ runMode: 'api', exposeTokenRoutes: true }),
    ];
    const app = await create(imports, logger);
    await app.init();
    const address = `0x${'a'.repeat(40)}`;
    const ask = (path: string) => request(app.getHttpServer() as App).get(path);

    const token = await ask(`/v1/collections/${address}/tokens/1`);
    const list = await ask('/v1/metadata-refreshes').set('x-api-key', key);
    const partner = await request(app.getHttpServer() as App)
      .post(`/collections/${address}/refresh_metadata`)
      .set('x-api-key', key)
      .send({ token_ids: ['1'] });
    await app.close();
    await empty.drop();

    const message = 'The migrations of this service have not run in its database yet. Try again when they have.';
    for (const { status, body } of [token, list]) {
      expect([status, body]).toEqual([503, { code: 'service_unavailable', message }]);
    }
    expect([partner.status, partner.body]).toEqual([503, { message }]);
    expect(lines.join('\n')).toMatch(
      /migrations of nft_metadata are missing\. Nothing is lost; .* Put nftMetadataMigrations into migrations\.migrationsList/,
    );
    expect(lines.join('\n')).toContain('does not exist');
  });
});

describe('error output', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await createHostFolder();
    await installPackage(folder, ['@nestjs/platform-express']);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  /** A host in plain JavaScript. Returns how it ended and what it printed. */
  async function run(imports: string): Promise<{ status: number | null; printed: string }> {
    await writeFile(
      join(folder, 'main.mjs'),
      `import 'reflect-metadata';
       import { Module } from '@nestjs/common';
       import { NestFactory } from '@nestjs/core';
       import { MikroOrmModule } from '@mikro-orm/nestjs';
       import { PostgreSqlDriver } from '@mikro-orm/postgresql';
       import { NftRefreshModule } from 'nestjs-nft-refresh';
       class AppModule {}
       const connection = () => MikroOrmModule.forRoot({ driver: PostgreSqlDriver, clientUrl: '${database.url}', autoLoadEntities: true });
       Module({ imports: ${imports} })(AppModule);
       const app = await NestFactory.create(AppModule);
       await app.listen(0);`,
    );
    const child = spawn(process.execPath, ['main.mjs'], { cwd: folder, env: { PATH: process.env['PATH'] } });
    let printed = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (printed += String(chunk)));
    const [status] = (await once(child, 'close')) as [number | null];
    return { status, printed };
  }

  it.each([
    [
      'no MikroORM',
      '[NftRefreshModule.forRoot()]',
      'this application has no MikroORM connection. Import MikroOrmModule',
    ],
    [
      'a wrong contextName',
      `[connection(), NftRefreshModule.forRoot({ contextName: 'nft' })]`,
      'contextName is "nft", and this application has no MikroORM connection of that name.',
    ],
    [
      'two forRoots',
      '[connection(), NftRefreshModule.forRoot(), NftRefreshModule.forRoot()]',
      'MetadataRefreshModule: this application sets it up twice on the same database',
    ],
    [
      'an option in the wrong place',
      '[connection(), NftRefreshModule.forRoot({ tokensPerHour: 5 })]',
      'tokensPerHour belongs to metadataRefresh',
    ],
  ])('the error output of a process that does not start names the cause: %s', async (_, imports, text) => {
    const { status, printed } = await run(imports);

    expect(status).toBe(1);
    expect(printed).toContain(text);
    expect(printed).not.toContain("can't resolve dependencies");
  });
});
