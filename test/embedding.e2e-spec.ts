import { Migrator } from '@mikro-orm/migrations';
import { MikroOrmModule } from '@mikro-orm/nestjs';
import { MikroORM, PostgreSqlDriver } from '@mikro-orm/postgresql';
import { MetadataRefreshModule } from '@app/metadata-refresh';
import { ProjectAuthModule, Projects } from '@app/project-auth';
import { RefreshApiModule } from '@app/refresh-api';
import { Collections, TokenStore, TokenStoreModule } from '@app/token-store';
import {
  BadRequestException,
  Body,
  Catch,
  Controller,
  Get,
  Module,
  Post,
  UseGuards,
  VersioningType,
  type ArgumentsHost,
  type ExceptionFilter,
  type INestApplication,
} from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { ThrottlerGuard, ThrottlerModule, ThrottlerStorageService } from '@nestjs/throttler';
import { createDatabase, type TestDatabase } from './support/database.js';
import { http } from './support/project-api.js';
import { fetchModules } from './support/fetch-modules.js';

@Controller({ path: 'shop', version: '1' })
@UseGuards(ThrottlerGuard)
class ShopController {
  @Get()
  browse() {
    return { open: true };
  }

  @Post('v1/limits')
  order(@Body() body: unknown) {
    if (!body) throw new BadRequestException('An order needs a body.');
    return { ordered: true };
  }
}

/** The host's own storage of its throttler. */
class ShopStorage extends ThrottlerStorageService {
  readonly counted: string[] = [];

  override increment(...request: Parameters<ThrottlerStorageService['increment']>) {
    const [, , , , throttler] = request;
    this.counted.push(throttler);
    return super.increment(...request);
  }
}

/** The host's own way to put errors. */
@Catch()
class ShopFilter implements ExceptionFilter {
  constructor(private readonly adapterHost: HttpAdapterHost) {}

  catch(error: { status?: number }, host: ArgumentsHost): void {
    const status = error.status ?? 500;
    this.adapterHost.httpAdapter.reply(host.switchToHttp().getResponse(), { shop: status }, status);
  }
}

describe.each([
  ['Express', () => new ExpressAdapter()],
  ['Fastify', () => new FastifyAdapter()],
])('in a host on %s with a throttler, a prefix, versions and an error filter of its own', (platform, adapter) => {
  let database: TestDatabase;
  let app: INestApplication;
  const storage = new ShopStorage();
  beforeAll(async () => {
    database = await createDatabase();
    @Module({
      imports: [
        MikroOrmModule.forRoot({
          driver: PostgreSqlDriver,
          clientUrl: database.url,
          autoLoadEntities: true,
          extensions: [Migrator],
          schemaGenerator: {
            ignoreSchema: ['nft_metadata', 'marketplace', 'test_clock'],
            skipTables: [/^nft_metadata\./],
          },
        }),
        ThrottlerModule.forRoot({ throttlers: [{ name: 'shop', ttl: 60_000, limit: 2 }], storage }),
        ProjectAuthModule.forRoot(),
        TokenStoreModule.forRoot(),
        ...fetchModules(),
        MetadataRefreshModule.forRoot(),
        RefreshApiModule.forRoot(),
      ],
      controllers: [ShopController],
    })
    class HostModule {}
    const testing = await Test.createTestingModule({ imports: [HostModule] }).compile();
    app = testing.createNestApplication(adapter(), { logger: false });
    app.setGlobalPrefix('api');
    app.enableVersioning({ type: VersioningType.URI, defaultVersion: '7' });
    app.useGlobalFilters(new ShopFilter(app.get(HttpAdapterHost)));
    await app.init();
    if (platform === 'Fastify') await (app.getHttpAdapter().getInstance() as { ready(): Promise<void> }).ready();
  });
  afterAll(async () => {
    await app.close();
    await database.drop();
  });

  it('the host’s throttler keeps its storage, limit, headers and errors, and ours counts in the database', async () => {
    const wallet = '0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266';
    const project = await app.get(Projects).createProject({ name: 'Studio', ownerAddress: wallet });
    const apiKey = await app.get(Projects).createApiKey(project.id);
    const address = `0x${'a'.repeat(40)}`;
    const source = { kind: 'metadata_api' as const, url: 'https://api.example' };
    const { id } = await app.get(Collections).add({ chainId: 1, address, projectId: project.id, source });
    await app.get(TokenStore).registerTokens(id, ['1']);
    const refresh = () =>
      http(app)
        .post('/api/v1/metadata-refreshes')
        .set('x-api-key', apiKey)
        .send({ collection_address: address, token_ids: ['1'] });
    await database.freezeTime();

    const ours = [];
    for (let count = 0; count < 6; count += 1) ours.push(await refresh());
    const theirs = [];
    for (let count = 0; count < 3; count += 1) theirs.push(await http(app).get('/api/v1/shop'));

    expect(ours.map(({ status }) => status)).toEqual([202, 202, 202, 202, 202, 429]);
    expect(ours[5]).toMatchObject({ body: { code: 'refresh_limit_exceeded' } });
    expect(ours[0]!.headers).not.toHaveProperty('x-ratelimit-limit');
    expect(theirs.map(({ status }) => status)).toEqual([200, 200, 429]);
    expect(theirs[0]!.headers).toMatchObject({ 'x-ratelimit-limit-shop': '2', 'x-ratelimit-remaining-shop': '1' });
    expect(theirs[2]!.body).toEqual({ shop: 429 });
    expect(storage.counted).toEqual(['shop', 'shop', 'shop']);
    expect(await database.query('select key, hits from nft_metadata.request_windows')).toEqual([
      { key: project.id, hits: 5 },
    ]);
  });

  it('errors before a controller have our shape on our routes and the host’s on all others', async () => {
    const broken = (path: string) => http(app).post(path).set('content-type', 'application/json').send('{');

    expect((await broken('/api/v1/metadata-refreshes').expect(400)).body).toMatchObject({ code: 'malformed_request' });
    expect((await broken('/api/v1/metadata-refreshes/a/b/c').expect(400)).body).toMatchObject({
      code: 'malformed_request',
    });
    expect((await broken('/api/v1/shop/v1/limits').expect(400)).body).toEqual({ shop: 400 });
    expect((await broken('/api/v1/collections').expect(400)).body).toEqual({ shop: 400 });
    expect((await http(app).get('/api/v1/nothing').expect(404)).body).toEqual({ shop: 404 });
    expect((await http(app).get('/api/v1/metadata-refreshes/a/b/c').expect(404)).body).toMatchObject({
      code: 'not_found',
    });
  });

  it('the host’s schema generator leaves our tables alone if it is configured so', async () => {
    const { schema } = app.get(MikroORM);

    expect(await schema.getUpdateSchemaSQL()).not.toContain('nft_metadata');
    expect(await schema.getDropSchemaSQL()).not.toContain('nft_metadata');
  });

  it('token records are not public unless the host says so', async () => {
    expect(
      (
        await http(app)
          .get(`/api/v1/collections/0x${'a'.repeat(40)}/traits`)
          .expect(404)
      ).body,
    ).toEqual({
      shop: 404,
    });
  });
});

describe.each([
  ['Express', () => new ExpressAdapter()],
  ['Fastify', () => new FastifyAdapter()],
])('in a host on %s that leaves all of a path to us', (platform, adapter) => {
  @Controller('nft/v1/late')
  class LateController {
    @Get(':id')
    read() {
      return { late: true };
    }
  }

  it('where the module owns a path, a path without a route gets an error in our shape, and a route of the host does not, whenever it was registered', async () => {
    const database = await createDatabase();
    @Module({ controllers: [LateController] })
    class LateModule {}
    @Module({
      imports: [
        MikroOrmModule.forRoot({ driver: PostgreSqlDriver, clientUrl: database.url, autoLoadEntities: true }),
        ProjectAuthModule.forRoot(),
        TokenStoreModule.forRoot(),
        ...fetchModules(),
        MetadataRefreshModule.forRoot(),
        RefreshApiModule.forRoot({ projectApiPath: 'nft/v1', ownsProjectApiPath: true }),
        LateModule,
      ],
    })
    class HostModule {}
    const testing = await Test.createTestingModule({ imports: [HostModule] }).compile();
    const app = testing.createNestApplication(adapter(), { logger: false });
    app.setGlobalPrefix('api');
    await app.init();
    if (platform === 'Fastify') await (app.getHttpAdapter().getInstance() as { ready(): Promise<void> }).ready();
    const notFound = (method: string, path: string) => ({
      code: 'not_found',
      message: `There is no ${method} ${path}.`,
    });

    const responses = [
      await http(app).get('/api/nft/v1/nothing/here?a=b'),
      await http(app).post('/api/nft/v1/late/1/2'),
      await http(app).get('/api/nft/v1'),
    ];
    const late = await http(app).get('/api/nft/v1/late/1');
    const known = await http(app).get('/api/nft/v1/limits');
    const elsewhere = await http(app).get('/api/nft/v10');
    await app.close();
    await database.drop();

    expect(responses.map(({ status, body }) => ({ status, body: body as unknown }))).toEqual([
      { status: 404, body: notFound('GET', '/api/nft/v1/nothing/here') },
      { status: 404, body: notFound('POST', '/api/nft/v1/late/1/2') },
      { status: 404, body: notFound('GET', '/api/nft/v1') },
    ]);
    expect(late.body).toEqual({ late: true });
    expect(known).toMatchObject({ status: 401, body: { code: 'unauthorized' } });
    expect(elsewhere).toMatchObject({ status: 404, body: { statusCode: 404 } });
  });
});
