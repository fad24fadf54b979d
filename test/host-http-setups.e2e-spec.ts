import { MetadataHost } from '@app/testing';
import {
  Controller,
  Get,
  Injectable,
  SetMetadata,
  StandardSchemaValidationPipe,
  UnauthorizedException,
  ValidationPipe,
  VersioningType,
  type CallHandler,
  type CanActivate,
  type ExecutionContext,
  type INestApplication,
  type NestInterceptor,
} from '@nestjs/common';
import { APP_GUARD, APP_INTERCEPTOR, Reflector } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { SkipThrottle, ThrottlerGuard, ThrottlerModule } from '@nestjs/throttler';
import { map } from 'rxjs';
import { createDatabase, type TestDatabase } from './support/database.js';
import { http } from './support/project-api.js';
import { aStudio, startHostApp, refreshOne, type HostAppOptions } from './support/host-app.js';

const Public = () => SetMetadata('isPublic', true);
const Bare = () => SetMetadata('isBare', true);

/** As most applications have one: everybody has to be logged in, except where it says otherwise. */
@Injectable()
class LoggedIn implements CanActivate {
  constructor(private readonly reflector: Reflector) {}

  canActivate(context: ExecutionContext): boolean {
    if (this.reflector.getAllAndOverride('isPublic', [context.getHandler(), context.getClass()])) return true;
    throw new UnauthorizedException();
  }
}

/** As many applications have one: everything is put into an envelope, except where it says otherwise. */
@Injectable()
class Envelope implements NestInterceptor {
  constructor(private readonly reflector: Reflector) {}

  intercept(context: ExecutionContext, next: CallHandler) {
    const isBare = this.reflector.getAllAndOverride<boolean>('isBare', [context.getHandler(), context.getClass()]);
    return isBare ? next.handle() : next.handle().pipe(map((data: unknown) => ({ data })));
  }
}

@Controller('shop')
class ShopController {
  @Get()
  browse() {
    return 'open';
  }
}

const HOSTS: [string, HostAppOptions][] = [
  [
    'lets only those in who are logged in, and puts answers into envelopes',
    {
      module: {
        controllers: [ShopController],
        providers: [
          { provide: APP_GUARD, useClass: LoggedIn },
          { provide: APP_INTERCEPTOR, useClass: Envelope },
        ],
      },
      nftRefresh: { decorators: [Public(), Bare()] },
    },
  ],
  [
    'throttles everything',
    {
      module: {
        imports: [ThrottlerModule.forRoot([{ ttl: 60_000, limit: 1 }])],
        providers: [{ provide: APP_GUARD, useClass: ThrottlerGuard }],
      },
      nftRefresh: { decorators: [SkipThrottle()] },
    },
  ],
  [
    'validates everything by the schema of its parameter',
    { configure: (app) => app.useGlobalPipes(new StandardSchemaValidationPipe()) },
  ],
  [
    'validates everything by classes',
    {
      configure: (app) =>
        app.useGlobalPipes(
          new ValidationPipe({
            whitelist: true,
            forbidNonWhitelisted: true,
            forbidUnknownValues: true,
            transform: true,
          }),
        ),
    },
  ],
  ['keeps raw bodies', { appOptions: { rawBody: true } }],
  ['answers other origins', { configure: (app) => app.enableCors({ origin: true, credentials: true }) }],
  [
    'has versions in a header',
    { configure: (app) => app.enableVersioning({ type: VersioningType.HEADER, header: 'v' }) },
  ],
  ['is on Fastify and keeps raw bodies', { adapter: new FastifyAdapter(), appOptions: { rawBody: true } }],
  [
    'is on Fastify and puts answers into envelopes',
    {
      adapter: new FastifyAdapter(),
      module: { providers: [{ provide: APP_INTERCEPTOR, useClass: Envelope }] },
      nftRefresh: { decorators: [Bare()] },
    },
  ],
];

let database: TestDatabase;
let metadataApi: MetadataHost;
let shop: INestApplication | undefined;
beforeAll(async () => {
  [database, metadataApi] = await Promise.all([createDatabase(), MetadataHost.start()]);
});
afterEach(async () => {
  await shop?.close();
  shop = undefined;
});
afterAll(async () => {
  await metadataApi.close();
  await database.drop();
});

it.each(HOSTS)('a refresh completes in a host that %s', async (_, options) => {
  shop = await startHostApp(database, metadataApi, options);
  const studio = await aStudio(shop, metadataApi);

  expect(await refreshOne(shop, studio)).toBe('Token 1');
  const unknown = http(shop).post('/v1/metadata-refreshes').set('x-api-key', studio.apiKey).send({ token_ids: 'x' });
  expect((await unknown.expect(400)).body).toMatchObject({ code: 'input_validation_failed' });
});

it('decorators that a host puts on our routes do not affect its own routes', async () => {
  shop = await startHostApp(database, metadataApi, HOSTS[0]![1]);

  await http(shop).get('/shop').expect(401);
});

it('a host without a body parser is told so, and loses nothing', async () => {
  shop = await startHostApp(database, metadataApi, { appOptions: { bodyParser: false } });
  const { apiKey, address } = await aStudio(shop, metadataApi);

  const { body } = await http(shop)
    .post('/v1/metadata-refreshes')
    .set('x-api-key', apiKey)
    .send({ collection_address: address, token_ids: ['1'] });

  expect(body).toMatchObject({ code: expect.any(String) as string });
  expect(await database.query('select from nft_metadata.refreshes where collection_address = $1', [address])).toEqual(
    [],
  );
});
