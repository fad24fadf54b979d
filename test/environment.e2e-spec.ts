import type { Server, ServerResponse } from 'node:http';
import { MikroORM } from '@mikro-orm/postgresql';
import { EventRetention } from '@app/metadata-events';
import { RefreshRetention } from '@app/metadata-refresh';
import { ConsoleLogger, Logger } from '@nestjs/common';
import type { Request } from 'express';
import { readEnvironment } from '../src/config/environment.js';
import { startService, type Service } from '../src/start-service.js';
import { commandLine } from './support/command-line.js';
import { createDatabase } from './support/database.js';
import { NameServer } from './support/name-server.js';
import { http, readErrors, readRefresh, requestRefresh } from './support/project-api.js';
import { runServiceToItsEnd } from './support/service-process.js';
import { startApp, type TestApp } from './support/start-app.js';

const DAY = 86_400;
const NOWHERE = { DATABASE_URL: 'postgres://nobody:secret@127.0.0.1:1/shop', DATABASE_WAIT_SECONDS: '0' };

/** The application with these variables. */
async function withVariables(variables: Readonly<Record<string, string>>, otherHosts: { host: string }[] = []) {
  const test = await startApp({}, { variables, otherHosts });
  return Object.assign(test, { [Symbol.asyncDispose]: () => test.stop() });
}

/** Refreshes these tokens while the host holds all responses; returns the most requests that were in flight. */
async function mostInFlight(test: TestApp, tokens: readonly string[], limit: number): Promise<number> {
  const project = await test.aProject({ tokens });
  let open = () => {};
  const opened = new Promise<void>((done) => (open = done));
  let arrived = 0;
  const before = () => {
    arrived += 1;
    return opened;
  };
  for (const tokenId of tokens) test.metadataApi.script(tokenId, { before, status: 200, body: { name: tokenId } });
  await requestRefresh(test.app, project, tokens);
  const working = test.worker.runOnce();
  await vi.waitUntil(() => arrived >= limit, { timeout: 10_000 });
  open();
  await working;
  expect(test.metadataApi.hits.size).toBe(tokens.length);
  return test.metadataApi.maxConcurrent;
}

it('TOKENS_PER_HOUR, TOKENS_PER_REQUEST and REQUESTS_PER_SECOND limit a project without limits of its own', async () => {
  await using test = await withVariables({ TOKENS_PER_HOUR: '7', TOKENS_PER_REQUEST: '2', REQUESTS_PER_SECOND: '3' });
  const project = await test.aProject({ tokens: ['1'], limits: { requestsPerSecond: null } });
  const refresh = async () =>
    http(test.app)
      .post('/v1/metadata-refreshes')
      .set('x-api-key', project.apiKey)
      .send({ collection_address: project.collectionAddress, token_ids: ['1'] });

  const { body } = await http(test.app).get('/v1/limits').set('x-api-key', project.apiKey).expect(200);
  const responses = await Promise.all(Array.from({ length: 5 }, refresh));

  expect(body).toMatchObject({
    tokens_per_hour: { limit: 7 },
    tokens_per_request: 2,
    requests_per_second: 3,
  });
  expect(responses.map(({ status }) => status)).toContain(429);
});

it('EXPOSE_TOKEN_ROUTES, EXPOSE_COLLECTION_ROUTES and EXPOSE_WEBHOOK_ROUTES turn their routes off', async () => {
  const off = { EXPOSE_TOKEN_ROUTES: 'false', EXPOSE_COLLECTION_ROUTES: 'false', EXPOSE_WEBHOOK_ROUTES: 'false' };
  await using test = await withVariables(off);
  await using standard = await withVariables({});

  for (const [app, status] of [
    [test, 404],
    [standard, 200],
  ] as const) {
    const project = await app.aProject({ tokens: ['1'] });
    const get = (path: string) => http(app.app).get(path).set('x-api-key', project.apiKey).expect(status);
    await get(`/v1/collections/${project.collectionAddress}/tokens/1`);
    await get('/v1/collections');
    await get('/v1/webhooks');
  }
});

it('FETCH_CONCURRENCY=2 lets a process fetch two tokens at the same time', async () => {
  await using test = await withVariables({ FETCH_CONCURRENCY: '2' });

  expect(await mostInFlight(test, ['1', '2', '3', '4'], 2)).toBe(2);
});

it('HOST_CONCURRENCY=1 lets a metadata host receive one request at a time', async () => {
  await using test = await withVariables({ HOST_CONCURRENCY: '1' });

  expect(await mostInFlight(test, ['1', '2', '3'], 1)).toBe(1);
});

it('USER_AGENT is the user agent that metadata hosts see', async () => {
  await using test = await withVariables({ USER_AGENT: 'shop.example indexer' });
  const project = await test.aProject({ tokens: ['1'] });

  await requestRefresh(test.app, project, ['1']);
  await test.worker.runOnce();

  expect(test.metadataApi.lastHeaders['user-agent']).toBe('shop.example indexer');
});

it('FETCH_DEADLINE_MS ends a fetch, and MAX_ATTEMPTS=1 retries none', async () => {
  await using test = await withVariables({ FETCH_DEADLINE_MS: '100', MAX_ATTEMPTS: '1' });
  const project = await test.aProject({ tokens: ['1'] });
  test.metadataApi.script('1', { before: () => new Promise(() => {}), status: 200, body: {} });

  const refreshId = await requestRefresh(test.app, project, ['1']);
  await test.worker.runOnce();

  expect(await readRefresh(test.app, project, refreshId)).toMatchObject({ status: 'completed' });
  expect(await readErrors(test.app, project, refreshId)).toMatchObject([{ token_id: '1' }]);
});

it('NAME_SERVERS resolve the names of metadata hosts', async () => {
  const names = await NameServer.start({ 'studio.example': { A: ['10.0.0.1'] } });
  await using test = await withVariables({ NAME_SERVERS: names.address, MAX_ATTEMPTS: '1' });
  const project = await test.aProject({ tokens: ['1'], metadataUrl: 'http://studio.example/meta' });

  await requestRefresh(test.app, project, ['1']);
  await test.worker.runOnce();
  await names.close();

  expect(names.queries).toContain('studio.example');
});

it('REFRESH_RETENTION_DAYS, ATTEMPT_RETENTION_DAYS and EVENT_RETENTION_DAYS decide when the retention deletes', async () => {
  await using test = await withVariables({
    REFRESH_RETENTION_DAYS: '2',
    ATTEMPT_RETENTION_DAYS: '1',
    EVENT_RETENTION_DAYS: '3',
    DISABLE_WEBHOOKS_AFTER_DAYS: '1',
  });
  const project = await test.aProject({ tokens: ['1'] });
  await requestRefresh(test.app, project, ['1']);
  await test.worker.runOnce();
  const deleted = async () => ({
    ...(await test.app.get(RefreshRetention).deleteExpired()),
    events: (await test.app.get(EventRetention).deleteExpired()).events,
  });

  await test.database.advance(1.5 * DAY);
  expect(await deleted()).toMatchObject({ refreshes: 0, attempts: 1, events: 0 });
  await test.database.advance(DAY);
  expect(await deleted()).toMatchObject({ refreshes: 1, events: 0 });
  await test.database.advance(DAY);
  expect((await deleted()).events).toBeGreaterThan(0);
});

it('DATABASE_POOL_SIZE limits the connections of a process', async () => {
  await using test = await withVariables({ DATABASE_POOL_SIZE: '3' });
  const { em } = test.app.get(MikroORM);

  const pids = await Promise.all(
    Array.from({ length: 8 }, async () => {
      const [row] = await em.fork().execute<[{ pid: number }]>('select pg_backend_pid() as pid, pg_sleep(0.05)');
      return row.pid;
    }),
  );

  expect(new Set(pids).size).toBe(3);
});

describe('HTTP server of the service', () => {
  let service: Service;
  let stop: () => Promise<void>;
  beforeAll(async () => {
    const database = await createDatabase();
    service = await startService(
      readEnvironment({
        DATABASE_URL: database.url,
        RUN_MODE: 'api',
        PORT: '0',
        LOG_LEVEL: 'fatal',
        BODY_LIMIT: '2048',
        TRUST_PROXY: '10.0.0.0/8',
      }),
    );
    stop = async () => {
      await service.stop();
      Logger.overrideLogger(new ConsoleLogger());
      await database.drop();
    };
  });
  afterAll(() => stop());

  it('the HTTP server of the service refuses a body above BODY_LIMIT with 413, and reads one below it', async () => {
    const post = (bytes: number) =>
      fetch(`${service.url}/v1/metadata-refreshes`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-api-key': 'nobodys' },
        body: JSON.stringify({ text: 'x'.repeat(bytes) }),
      });

    expect((await post(3000)).status).toBe(413);
    expect((await post(1000)).status).toBe(401);
  });

  it('the HTTP server of the service trusts the forwarded headers of the proxies in TRUST_PROXY, and of no others', () => {
    const express = service.app.getHttpAdapter().getInstance() as { get(setting: string): unknown };
    const trusts = express.get('trust proxy fn') as (address: string, hop: number) => boolean;

    expect([trusts('10.1.2.3', 0), trusts('192.0.2.1', 0)]).toEqual([true, false]);
  });
});

it('a service with TRUST_PROXY=2 takes the address of a caller from X-Forwarded-For, past two proxies and no more', async () => {
  const database = await createDatabase();
  const service = await startService(
    readEnvironment({ DATABASE_URL: database.url, RUN_MODE: 'api', PORT: '0', LOG_LEVEL: 'fatal', TRUST_PROXY: '2' }),
  );
  const addresses: unknown[] = [];
  (service.app.getHttpServer() as Server).prependListener('request', (request: Request, response: ServerResponse) => {
    response.once('finish', () => addresses.push(request.ip));
  });

  await fetch(`${service.url}/v1/limits`, {
    headers: { 'x-forwarded-for': '198.51.100.1, 203.0.113.7, 192.0.2.5' },
  });

  await vi.waitUntil(() => addresses.length === 1, { timeout: 20_000 });
  expect(addresses).toEqual(['203.0.113.7']);
  await service.stop();
  Logger.overrideLogger(new ConsoleLogger());
  await database.drop();
});

it.each([
  [
    'text',
    /^\[Nest\].*WARN \[Service\][^]*msg: 'TOKENS_PER_HOURS is not a variable of this service; did you mean TOKENS_PER_HOUR\?/m,
  ],
  ['json', /^\{.*"msg":"TOKENS_PER_HOURS is not a variable of this service; did you mean TOKENS_PER_HOUR\?"/m],
])('a service with LOG_FORMAT=%s warns of a misspelt variable in this format', async (format, line) => {
  const { out, err } = await runServiceToItsEnd({ ...NOWHERE, LOG_FORMAT: format, TOKENS_PER_HOURS: '5' });

  expect(stripColours(out + err)).toMatch(line);
});

it('the service and the command line refuse the same variables with the same messages', async () => {
  const wrong = { ...NOWHERE, FETCH_CONCURRENCY: '0', BODY_LIMIT: '1mb' };

  const service = await runServiceToItsEnd(wrong);
  const command = await commandLine(() => wrong).start('project', 'list').ended;

  expect([service.status, command.status]).toEqual([1, 1]);
  for (const line of [
    'BODY_LIMIT must be a whole number from 1024 to 104857600; it is "1mb"',
    'FETCH_CONCURRENCY must be a whole number from 1; it is "0"',
  ]) {
    expect(service.err).toContain(line);
    expect(command.err).toContain(line);
  }
});

const stripColours = (text: string) => text.replaceAll(new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g'), '');
