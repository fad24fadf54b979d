import {
  Injectable,
  SetMetadata,
  UnauthorizedException,
  VersioningType,
  Controller,
  Get,
  type CallHandler,
  type CanActivate,
  type ExecutionContext,
  type INestApplication,
  type NestInterceptor,
} from '@nestjs/common';
import { APP_GUARD, APP_INTERCEPTOR, Reflector, RouterModule } from '@nestjs/core';
import { SkipThrottle, ThrottlerGuard, ThrottlerModule } from '@nestjs/throttler';
import { NftRefreshConsoleModule } from '@app/console';
import { MetadataHost } from '@app/testing';
import request from 'supertest';
import type { App } from 'supertest/types.js';
import { map } from 'rxjs';
import { refreshListSchema, sessionSchema } from '../libs/console/src/wire/index.js';
import {
  ADAPTERS,
  CONSOLE_HEADERS,
  ConsoleVisitor,
  filesOf,
  OPERATOR_SECRET,
  OWN_PAGE,
  startConsoleHost,
} from './support/console.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { aStudio, refreshOne, startHostApp, type HostAppOptions } from './support/host-app.js';
import { PathProxy } from './support/path-proxy.js';
import { captureStatements } from './support/statements.js';

let database: TestDatabase;
let metadataApi: MetadataHost;
let app: INestApplication | undefined;
beforeAll(async () => {
  [database, metadataApi] = await Promise.all([createDatabase(), MetadataHost.start()]);
});
afterEach(async () => {
  await app?.close();
  app = undefined;
});
afterAll(async () => {
  await metadataApi.close();
  await database.drop();
});

const open = (path: string) =>
  request(app!.getHttpServer() as App)
    .get(path)
    .redirects(0);

describe.each(ADAPTERS)('on %s', (_, load) => {
  it('one line in an application adds the console at /console/ [K1] [K2] [K5]', async () => {
    app = await startConsoleHost(database, metadataApi, {}, { adapter: await load() });

    for (const path of [
      '/console/',
      '/console/refreshes/6c5d2a3e-9b1c-4f6e-8a37-1d0f0a5b7c21',
      '/console/hosts/ipfs%3A%2F',
      '/console/a/b/c/',
    ]) {
      const { status, headers, text } = await open(path);
      expect([status, headers['content-type']]).toEqual([200, 'text/html; charset=utf-8']);
      const files = filesOf(text, `http://shop.example${path}`);
      expect(files.some((file) => file.endsWith('.js'))).toBe(true);
      for (const file of files) {
        expect(new URL(file).pathname).toMatch(/^\/console\//);
        await open(new URL(file).pathname).expect(200);
      }
    }
  });

  it('/console leads to /console/ by a relative address, and an asset of another build is not there [K5]', async () => {
    app = await startConsoleHost(database, metadataApi, {}, { adapter: await load() });

    const { status, headers } = await open('/console?a=b');
    expect([status, headers['location']]).toEqual([302, 'console/?a=b']);
    await open('/console/assets/index-AAAAAAAA.js').expect(404);
    await open('/console/assets/../console.module.js').expect(({ text }) => expect(text).not.toContain('import'));
    await open('/console/..%2f..%2fpackage.json').expect(({ text }) => expect(text).toContain('<base href="./"'));
  });

  it('every response of the console has its headers, in place of those of the application, and nothing inline [K10]', async () => {
    app = await startConsoleHost(
      database,
      metadataApi,
      {},
      {
        adapter: await load(),
        configure: (host) => host.use(asHelmet),
      },
    );
    const studio = await aStudio(app, metadataApi);
    await refreshOne(app, studio);
    const visitor = await new ConsoleVisitor(app).asOperator();
    const list = await visitor.get('refreshes');
    const refreshId = refreshListSchema.parse(list.body).rows[0]!.id;
    const token = `tokens/1/${studio.address}/1`;
    const nobody = new ConsoleVisitor(app);
    const server = app.getHttpServer() as App;
    const shell = await open('/console/');
    const script = new URL(
      filesOf(shell.text, 'http://shop.example/console/').find((file) => file.includes('/assets/'))!,
    ).pathname;
    const responses: [request.Response, status: number, cacheControl: string][] = [
      [shell, 200, 'no-cache'],
      [await request(server).head('/console/'), 200, 'no-cache'],
      [await open('/console/').set('if-none-match', shell.headers['etag']!), 304, 'no-cache'],
      [await open('/console'), 302, 'no-cache'],
      [await open('/console/theme.js'), 200, 'no-cache'],
      [await open('/console/assets/no-such-file.js'), 404, 'no-cache'],
      [await open(script), 200, 'public, max-age=31536000, immutable'],
      [await nobody.get('session'), 200, 'no-store'],
      [await nobody.get('refreshes'), 401, 'no-store'],
      [await nobody.post('session', {}), 400, 'no-store'],
      [await nobody.post('session', { kind: 'api_key', apiKey: 'x' }), 401, 'no-store'],
      [await nobody.post('session', {}, { 'content-type': 'application/json' }), 403, 'no-store'],
      [await request(server).post('/console/api/session').set(OWN_PAGE).send('{"kind":'), 400, 'no-store'],
      [
        await request(server)
          .post('/console/api/session')
          .set(OWN_PAGE)
          .send(`"${'x'.repeat(2_000_000)}"`),
        413,
        'no-store',
      ],
      [list, 200, 'no-store'],
      [await visitor.get('refreshes', { 'if-none-match': list.headers['etag']! }), 304, 'no-store'],
      [await visitor.get('refreshes?status=wrong'), 400, 'no-store'],
      [await visitor.get('no-such-endpoint'), 404, 'no-store'],
      [await visitor.get(`refreshes/${refreshId}`), 200, 'no-store'],
      [await visitor.get(`refreshes/${refreshId}/tokens.csv`), 200, 'no-store'],
      [await visitor.get(token), 200, 'no-store'],
      [await visitor.get(`${token}/document`), 200, 'no-store'],
      [await visitor.get(`tokens/1/${studio.address}/2/document`), 404, 'no-store'],
      [await visitor.get(`${token}/image`), 409, 'no-store'],
      [await visitor.post(`refreshes/${refreshId}/retry`), 409, 'no-store'],
      [await visitor.delete('session'), 200, 'no-store'],
    ];

    const names = [...Object.keys(CONSOLE_HEADERS), 'cache-control'];
    expect(responses.map(([{ status, headers }]) => [status, ...names.map((name) => headers[name])])).toEqual(
      responses.map(([, status, cacheControl]) => [status, ...Object.values(CONSOLE_HEADERS), cacheControl]),
    );
    // No other origin may read any of them.
    expect(responses.filter(([{ headers }]) => 'access-control-allow-origin' in headers)).toEqual([]);
    expect(shell.text).not.toMatch(/<style|<script(?![^>]* src=)|\son\w+=|javascript:|data:|\sstyle=/);
  });

  it('pages and files are compressed, and are not sent again to who has them', async () => {
    app = await startConsoleHost(database, metadataApi, {}, { adapter: await load() });
    const file = new URL(
      filesOf((await open('/console/')).text, 'http://shop.example/console/').find(
        (one) => one.endsWith('.js') && one.includes('/assets/'),
      )!,
    ).pathname;

    const plain = await open(file).set('accept-encoding', 'identity');
    const compressed = await open(file).set('accept-encoding', 'gzip');
    const known = await open('/console/').set('if-none-match', (await open('/console/')).headers['etag']!);

    expect(plain.headers['content-encoding']).toBeUndefined();
    expect(compressed.headers).toMatchObject({ 'content-encoding': 'gzip', vary: 'Accept-Encoding' });
    expect(compressed.text).toBe(plain.text);
    expect(known.status).toBe(304);
  });

  it.each<[string, { console: string; host?: HostAppOptions; path?: string }]>([
    ['a global prefix', { console: '/api/console', host: { configure: (host) => host.setGlobalPrefix('api') } }],
    [
      'a global prefix that excludes the console',
      {
        console: '/console',
        host: { configure: (host) => host.setGlobalPrefix('api', { exclude: ['console', 'console/{*path}'] }) },
      },
    ],
    [
      'a global prefix that excludes the API',
      {
        console: '/api/console',
        host: { configure: (host) => host.setGlobalPrefix('api', { exclude: ['v1/{*path}'] }) },
      },
    ],
    [
      'another path than the API',
      { console: '/console', host: { nftRefresh: { projectApiPath: 'nft/v2', exposeTokenRoutes: true } } },
    ],
    [
      'a global prefix with several parts',
      { console: '/api/internal/console', host: { configure: (host) => host.setGlobalPrefix('/api/internal') } },
    ],
    [
      'versions in paths',
      {
        console: '/console',
        host: { configure: (host) => host.enableVersioning({ type: VersioningType.URI, defaultVersion: '1' }) },
      },
    ],
    ['another path', { console: '/internal/refresh-console', path: '/internal/refresh-console/' }],
    [
      'a path by RouterModule',
      {
        console: '/ops/console',
        host: { module: { imports: [RouterModule.register([{ path: 'ops', module: NftRefreshConsoleModule }])] } },
      },
    ],
  ])('the console works below %s without an option [K3]', async (__, { console: path, host, path: given }) => {
    app = await startConsoleHost(
      database,
      metadataApi,
      { ...(given && { path: given }) },
      { ...host, adapter: await load() },
    );

    const { text } = await open(`${path}/refreshes/x`).expect(200);
    for (const file of filesOf(text, `http://shop.example${path}/refreshes/x`))
      await open(new URL(file).pathname).expect(200);
    const visitor = await new ConsoleVisitor(app, path).asOperator();
    const { person, api } = await visitor.read('session', sessionSchema);
    expect([person!.kind, api!.tokens]).toEqual(['operator', host?.nftRefresh?.exposeTokenRoutes ?? false]);
    const { pathname } = new URL(`${api!.path}/limits`, `http://shop.example${path}/`);
    expect((await open(pathname)).body).toMatchObject({ code: 'unauthorized' });
    await visitor.get('no-such-endpoint').expect(404);
  });

  it.each<[string, { outside: string; toInside: (path: string) => string; prefix?: string; inside: string }]>([
    [
      'strips a prefix',
      { outside: '/ops/console', inside: '/console', toInside: (path) => path.replace(/^\/ops/, '') },
    ],
    [
      'adds a prefix',
      { outside: '/console', inside: '/api/console', prefix: 'api', toInside: (path) => `/api${path}` },
    ],
    [
      'replaces a prefix',
      {
        outside: '/ops/console',
        inside: '/api/console',
        prefix: 'api',
        toInside: (path) => path.replace(/^\/ops/, '/api'),
      },
    ],
  ])('the console works behind a proxy that %s [K4]', async (__, { outside, toInside, prefix }) => {
    app = await startConsoleHost(
      database,
      metadataApi,
      {},
      {
        adapter: await load(),
        configure: (host) => void (prefix && host.setGlobalPrefix(prefix)),
      },
    );
    await app.listen(0, '127.0.0.1');
    await using proxy = await PathProxy.start(await app.getUrl(), toInside);

    const redirect = await fetch(`${proxy.url}${outside}`, { redirect: 'manual' });
    expect(new URL(redirect.headers.get('location')!, `${proxy.url}${outside}`).pathname).toBe(`${outside}/`);
    const address = `${proxy.url}${outside}/refreshes/x`;
    for (const file of filesOf(await (await fetch(address)).text(), address))
      expect([file, (await fetch(file)).status]).toEqual([file, 200]);
    const session = `${proxy.url}${outside}/api/session`;
    const body = JSON.stringify({ kind: 'operator_secret', secret: OPERATOR_SECRET });
    const signedIn = await fetch(session, { method: 'POST', headers: OWN_PAGE, body });
    const cookie = signedIn.headers.get('set-cookie')!;
    // Without a path, a browser limits it to the directory of the endpoint.
    expect([signedIn.status, /path|domain/i.test(cookie)]).toEqual([200, false]);
    const read = await fetch(session, { headers: { cookie: cookie.split(';')[0]! } });
    const { person, api } = sessionSchema.parse(await read.json());
    expect(person!.kind).toBe('operator');
    const limits = await fetch(new URL(`${api!.path}/limits`, `${proxy.url}${outside}/`));
    expect(await limits.json()).toMatchObject({ code: 'unauthorized' });
  });

  it('without the project API, or below a path with parameters, pages have no link to it', async () => {
    for (const nftRefresh of [{ projectApiPath: false as const }, {}]) {
      const configure = (host: INestApplication) => void host.setGlobalPrefix('shops/:shop');
      const host = { adapter: await load(), nftRefresh, ...(!('projectApiPath' in nftRefresh) && { configure }) };
      app = await startConsoleHost(database, metadataApi, {}, host);
      const visitor = new ConsoleVisitor(app, 'projectApiPath' in nftRefresh ? '/console' : '/shops/7/console');

      expect(await visitor.read('session', sessionSchema)).toMatchObject({ api: null });

      await app.close();
      app = undefined;
    }
  });

  it('the console works in an application that guards, wraps and throttles everything, and changes none of its routes [K6]', async () => {
    app = await startConsoleHost(
      database,
      metadataApi,
      { decorators: [Public(), SkipThrottle()] },
      {
        adapter: await load(),
        configure: (host) => host.use(asHelmet),
        module: {
          imports: [ThrottlerModule.forRoot([{ ttl: 60_000, limit: 1 }])],
          controllers: [ShopController],
          providers: [
            { provide: APP_GUARD, useClass: LoggedIn },
            { provide: APP_GUARD, useClass: ThrottlerGuard },
            { provide: APP_INTERCEPTOR, useClass: Envelope },
          ],
        },
      },
    );
    const visitor = await new ConsoleVisitor(app).asOperator();

    for (let times = 0; times < 3; times += 1) {
      expect(await visitor.read('session', sessionSchema)).toMatchObject({ person: { kind: 'operator' } });
      await open('/console/').expect(200);
    }
    await open('/shop').expect(401);
    const shop = await open('/shop').set('x-user', 'mira');
    expect(shop.body).toEqual({ data: 'open' });
    expect(shop.headers).toMatchObject({
      'content-security-policy': expect.stringContaining("'unsafe-inline'") as string,
      'cross-origin-resource-policy': 'cross-origin',
      'x-frame-options': 'SAMEORIGIN',
    });
    expect(shop.headers).not.toHaveProperty('permissions-policy');
    await open('/shop').set('x-user', 'mira').expect(429);
    await open('/no-such-path').expect(404);
  });

  it('an application without the console has no route of it, and does not read its tables [K8]', async () => {
    const adapter = await load();
    const statements = await captureStatements(async () => {
      app = await startHostApp(database, metadataApi, { adapter });
      await refreshOne(app, await aStudio(app, metadataApi));
    });

    for (const path of ['/console', '/console/', '/console/api/session']) await open(path).expect(404);
    const texts = statements.map(({ text }) => text).join('\n');
    expect(texts).toContain('nft_metadata.refresh_results');
    expect(texts).not.toMatch(/console/i);
  });
});

const Public = () => SetMetadata('isPublic', true);

@Injectable()
class LoggedIn implements CanActivate {
  constructor(private readonly reflector: Reflector) {}

  canActivate(context: ExecutionContext): boolean {
    if (this.reflector.getAllAndOverride('isPublic', [context.getHandler(), context.getClass()])) return true;
    if (context.switchToHttp().getRequest<{ headers: Record<string, string> }>().headers['x-user']) return true;
    throw new UnauthorizedException();
  }
}

@Injectable()
class Envelope implements NestInterceptor {
  intercept(__: ExecutionContext, next: CallHandler) {
    return next.handle().pipe(map((data: unknown) => ({ data })));
  }
}

@Controller('shop')
class ShopController {
  @Get()
  browse() {
    return 'open';
  }
}

/** What helmet sets by default. */
function asHelmet(__: unknown, response: { setHeader(name: string, value: string): void }, next: () => void): void {
  response.setHeader(
    'Content-Security-Policy',
    "default-src 'self';script-src 'self';style-src 'self' https: 'unsafe-inline'",
  );
  response.setHeader('Cross-Origin-Opener-Policy', 'same-origin-allow-popups');
  response.setHeader('Cross-Origin-Resource-Policy', 'cross-origin');
  response.setHeader('Referrer-Policy', 'origin');
  response.setHeader('X-Frame-Options', 'SAMEORIGIN');
  next();
}
