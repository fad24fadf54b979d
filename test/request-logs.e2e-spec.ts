import { connect, type AddressInfo } from 'node:net';
import type { Server } from 'node:http';
import { NftRefreshConsoleModule } from '@app/console';
import { useHostLogger } from '@app/logging';
import { MetadataEventsModule } from '@app/metadata-events';
import { MetadataHost } from '@app/testing';
import { Controller, Get, type INestApplication, type LoggerService } from '@nestjs/common';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import request from 'supertest';
import type { App } from 'supertest/types.js';
import { NftRefreshModule } from '../libs/index.js';
import { ConsoleVisitor, OPERATOR_SECRET } from './support/console.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { aStudio, startHostApp } from './support/host-app.js';
import { startApp } from './support/start-app.js';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/;

interface Line {
  level: string;
  context: unknown;
  msg: string;
  [field: string]: unknown;
}

/** The logger of a host application, which keeps what it gets. */
class KeptLines implements LoggerService {
  readonly lines: Line[] = [];
  log = this.keep('log');
  warn = this.keep('warn');
  error = this.keep('error');
  debug = this.keep('debug');

  /** Those of requests. */
  get requests(): Line[] {
    return this.lines.filter(({ context }) => context === 'RefreshApi');
  }

  /** A response may arrive before its line is written. */
  async untilRequests(count: number): Promise<Line[]> {
    await vi.waitUntil(() => this.requests.length >= count, { timeout: 10_000 });
    return this.requests;
  }

  private keep(level: string) {
    return (fields: { msg: string }, context: unknown) => void this.lines.push({ level, context, ...fields });
  }
}

@Controller('v1/offers')
class OffersController {
  @Get()
  list() {
    return [];
  }
}

describe.each([
  ['Express', () => new ExpressAdapter()],
  ['Fastify', () => new FastifyAdapter()],
])('an application on %s below a prefix', (_, adapter) => {
  let database: TestDatabase;
  let metadataApi: MetadataHost;
  let app: INestApplication;
  let kept: KeptLines;
  let studio: Awaited<ReturnType<typeof aStudio>>;
  const http = () => request(app.getHttpServer() as App);
  beforeAll(async () => {
    [database, metadataApi, kept] = [await createDatabase(), await MetadataHost.start(), new KeptLines()];
    app = await startHostApp(database, metadataApi, {
      adapter: adapter(),
      // The tests send more than five requests in a second.
      nftRefresh: { logger: kept, zkevmApiPath: 'v1', projectAuth: { requestsPerSecond: 1000 } },
      module: {
        imports: [NftRefreshConsoleModule.forRoot({ operatorSecret: OPERATOR_SECRET })],
        controllers: [OffersController],
      },
      configure: (of) => void of.setGlobalPrefix('shop'),
    });
    studio = await aStudio(app, metadataApi);
  });
  afterAll(async () => {
    await app.close();
    await metadataApi.close();
    await database.drop();
  });
  beforeEach(() => {
    kept.lines.length = 0;
  });

  const post = (headers: Record<string, string> = {}, path = '/shop/v1/metadata-refreshes') =>
    http()
      .post(path)
      .set({ 'x-api-key': studio.apiKey, ...headers })
      .send({ collection_address: studio.address, token_ids: ['1'] });

  it('a request is one line, with the id of the caller, which is also in its other lines and in the response', async () => {
    const { headers } = await post({ 'x-request-id': 'shop-42' }).expect(202);

    const [line, ...others] = await kept.untilRequests(1);
    expect(headers['x-request-id']).toBe('shop-42');
    expect(others).toEqual([]);
    expect(line).toEqual({
      level: 'debug',
      context: 'RefreshApi',
      msg: 'request',
      method: 'POST',
      route: '/shop/v1/metadata-refreshes',
      status: 202,
      durationMs: expect.any(Number),
      projectId: studio.project.id,
      requestId: 'shop-42',
    });
    expect(kept.lines).toContainEqual(expect.objectContaining({ msg: 'refresh accepted', requestId: 'shop-42' }));
  });

  it('what a worker does later is logged without the id of a request', async () => {
    await post().expect(202);
    await vi.waitUntil(() => kept.lines.some(({ msg }) => msg === 'refresh completed'), { timeout: 10_000 });

    const completed = kept.lines.filter(({ msg }) => msg === 'refresh completed');
    expect(completed.filter((line) => 'requestId' in line)).toEqual([]);
  });

  it.each([undefined, '', 'two words', 'a'.repeat(65), '{"forged":true}'])(
    'a request whose caller sends the id %j gets a new one',
    async (given) => {
      const { headers } = await post(given === undefined ? {} : { 'x-request-id': given }).expect(202);

      expect(headers['x-request-id']).toMatch(UUID);
      expect(await kept.untilRequests(1)).toMatchObject([{ requestId: headers['x-request-id'] }]);
    },
  );

  it('a line has the pattern of the route, and nothing of headers, query or body', async () => {
    const id = '01234567-89ab-7def-8123-456789abcdef';
    await http()
      .get(`/shop/v1/metadata-refreshes/${id}?signature=hush-query`)
      .set({ 'x-api-key': studio.apiKey, cookie: 'session=hush-cookie' })
      .expect(404);
    await http()
      .post('/shop/v1/metadata-refreshes')
      .set({ 'x-api-key': studio.apiKey })
      .send({ collection_address: 'hush-body', token_ids: ['1'] })
      .expect(400);

    expect(await kept.untilRequests(2)).toMatchObject([
      { method: 'GET', route: '/shop/v1/metadata-refreshes/:refresh_id', status: 404 },
      { method: 'POST', route: '/shop/v1/metadata-refreshes', status: 400 },
    ]);
    const text = JSON.stringify(kept.lines);
    expect([/hush/.test(text), text.includes(studio.apiKey), text.includes(id)]).toEqual([false, false, false]);
  });

  it('requests that are refused before a controller sees them have a line and an id as well', async () => {
    const responses = [
      await post({ 'x-api-key': 'wrong' }).expect(401),
      await http().put('/shop/v1/metadata-refreshes').expect(405),
      await http().post('/shop/v1/metadata-refreshes').set('content-type', 'application/json').send('{').expect(400),
    ];

    const lines = await kept.untilRequests(3);
    expect(lines.map(({ status }) => status)).toEqual([401, 405, 400]);
    expect(lines.map((line) => line['requestId'])).toEqual(responses.map(({ headers }) => headers['x-request-id']));
    expect(lines.filter((line) => 'projectId' in line)).toEqual([]);
  });

  it('an error in the format of Immutable zkEVM names the request by its id', async () => {
    const { body, headers } = await post(
      { 'x-request-id': 'shop-43' },
      '/shop/v1/chains/nowhere/collections/0x1/nfts/refresh-metadata',
    );

    expect(body).toMatchObject({ trace_id: 'shop-43' });
    expect(headers).toMatchObject({ 'x-request-id': 'shop-43', 'x-trace-id': 'shop-43' });
  });

  it('an error in the format of Immutable X has its public fields alone', async () => {
    const { body } = await post({ 'x-request-id': 'shop-44', 'x-api-key': 'wrong' }).expect(401);

    expect(Object.keys(body as object).filter((name) => !['code', 'message', 'details'].includes(name))).toEqual([]);
  });

  it('a request of the console has an id and a line, and its error names them', async () => {
    const operator = await new ConsoleVisitor(app, '/shop/console').asOperator();
    kept.lines.length = 0;
    const page = await operator.get('reveals', { 'x-request-id': 'console-1' }).expect(200);
    const unknown = await operator.get('refreshes/unknown', { 'x-request-id': 'console-2' }).expect(404);
    const path = await operator.get('no/such/endpoint').expect(404);
    await operator.get('/shop/console/refreshes').expect(200);

    const [first, second, third, ...others] = await kept.untilRequests(3);
    expect(first).toMatchObject({ route: '/shop/console/api/reveals', status: 200, requestId: 'console-1' });
    expect(page.headers['x-request-id']).toBe('console-1');
    expect(second).toMatchObject({ route: '/shop/console/api/refreshes/:id', requestId: 'console-2' });
    expect(unknown.body).toMatchObject({ code: 'not_found', requestId: 'console-2' });
    expect(path.headers['x-request-id']).toMatch(UUID);
    expect([third!['requestId'], (path.body as { requestId: string }).requestId]).toEqual(
      Array.from({ length: 2 }, () => path.headers['x-request-id']),
    );
    // The page and its files have no data.
    expect(others).toEqual([]);
  });

  it('an error of the service on a page of the console is logged with the id that the page shows', async () => {
    const operator = await new ConsoleVisitor(app, '/shop/console').asOperator();
    await database.query('alter table nft_metadata.reveals rename column min_succeeded to renamed');
    const failed = await operator.get('reveals');
    await database.query('alter table nft_metadata.reveals rename column renamed to min_succeeded');

    const { requestId } = failed.body as { requestId: string };
    expect(failed.status).toBeGreaterThanOrEqual(500);
    expect(failed.headers['x-request-id']).toBe(requestId);
    expect(kept.lines).toContainEqual(
      expect.objectContaining({ level: 'error', context: 'ConsoleFilter', requestId, error: expect.any(String) }),
    );
  });

  it("the application's own routes get no id and no line", async () => {
    const { headers } = await http().get('/shop/v1/offers').expect(200);
    await http().get('/shop/v1/metadata-refreshes').set({ 'x-api-key': studio.apiKey }).expect(200);

    expect(headers['x-request-id']).toBeUndefined();
    expect(await kept.untilRequests(1)).toMatchObject([{ route: '/shop/v1/metadata-refreshes' }]);
  });

  it('a request whose client goes away is logged without a status', async () => {
    const server = app.getHttpServer() as Server;
    if (!server.listening) await app.listen(0, '127.0.0.1');
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    socket.write('POST /shop/v1/metadata-refreshes HTTP/1.1\r\nhost: shop\r\ncontent-type: application/json\r\n');
    socket.write('content-length: 100\r\nx-request-id: gone-1\r\n\r\n{');
    await new Promise((done) => setImmediate(done));
    socket.end();

    const [line] = await kept.untilRequests(1);
    expect(line).toMatchObject({ msg: 'request aborted', method: 'POST', requestId: 'gone-1' });
    expect(line).not.toHaveProperty('status');
  });
});

describe('the service', () => {
  it('probes and reads of the metrics have an id and a line', async () => {
    const kept = new KeptLines();
    const end = useHostLogger(kept);
    const test = await startApp();
    const get = (path: string) => request(test.app.getHttpServer() as App).get(path);
    const responses = [
      await get('/health/live').set('x-request-id', 'probe-1').expect(200),
      await get('/health/ready').expect(200),
      await get('/metrics').expect(200),
    ];
    const lines = await kept.untilRequests(3);
    await test.stop();
    end();

    expect(lines.map((line) => [line.level, line['route'], line['status']])).toEqual([
      ['debug', '/health/live', 200],
      ['debug', '/health/ready', 200],
      ['debug', '/metrics', 200],
    ]);
    expect(lines[0]!['requestId']).toBe('probe-1');
    expect(lines.map((line) => line['requestId'])).toEqual(responses.map(({ headers }) => headers['x-request-id']));
  });
});

describe('the option logger', () => {
  it('a logger from the application’s own providers is used by all modules until the application stops', async () => {
    const [database, metadataApi, kept] = [await createDatabase(), await MetadataHost.start(), new KeptLines()];
    const start = () =>
      startHostApp(database, metadataApi, {
        nftRefresh: { logger: kept },
        module: { imports: [MetadataEventsModule.forRoot()] },
      });
    const app = await start();
    const studio = await aStudio(app, metadataApi);
    await request(app.getHttpServer() as App)
      .post('/v1/metadata-refreshes')
      .set({ 'x-api-key': studio.apiKey })
      .send({ collection_address: studio.address, token_ids: ['1'] })
      .expect(202);
    await vi.waitUntil(() => kept.lines.some(({ msg }) => msg === 'refresh completed'), { timeout: 10_000 });
    await app.close();
    const count = kept.lines.length;
    const other = await startHostApp(database, metadataApi);
    await request(other.getHttpServer() as App)
      .get('/v1/metadata-refreshes')
      .expect(401);
    await other.close();
    await metadataApi.close();
    await database.drop();

    expect(new Set(kept.lines.map(({ context }) => context))).toEqual(new Set(['MetadataRefresh', 'RefreshApi']));
    expect(kept.lines).toHaveLength(count);
  });

  it('a factory can return a logger, and one without its methods is refused by name', async () => {
    const given = { log: () => {}, warn: () => {} } as unknown as LoggerService;
    const wrong = () => NftRefreshModule.forRoot({ logger: given });
    const compile = (logger: LoggerService) =>
      Test.createTestingModule({
        imports: [NftRefreshModule.forRootAsync({ useFactory: () => ({ logger }) })],
      }).compile();

    expect(wrong).toThrow('logger must be a LoggerService of Nest; it has no method error');
    await expect(compile(given)).rejects.toThrow('logger must be a LoggerService of Nest; it has no method error');
  });
});
