import { EventDelivery, MetadataEvents, Webhooks } from '@app/metadata-events';
import { MetadataRefreshService, WorkerMetrics } from '@app/metadata-refresh';
import { MetadataHost } from '@app/testing';
import { Collections } from '@app/token-store';
import { context, trace } from '@opentelemetry/api';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { ExpressAdapter } from '@nestjs/platform-express';
import { Client } from 'pg';
import request from 'supertest';
import type { App } from 'supertest/types.js';
import { aStudio, startHostApp } from './support/host-app.js';
import { startConsoleHost } from './support/console.js';
import { createDatabase } from './support/database.js';
import { expectSucceeded, http, requestRefresh } from './support/project-api.js';
import { control } from './support/refresh-control.js';
import { startServiceProcess } from './support/service-process.js';
import { startApp, type TestApp, type TestProject } from './support/start-app.js';
import { CALLER, countByName, outline, startTracing, TRACEPARENT } from './support/traces.js';
import { WebhookReceiver } from './support/webhook-receiver.js';

const PRELOADED = new URL('./support/tracing-program.mjs', import.meta.url).href;
const ids = (count: number) => Array.from({ length: count }, (_, index) => String(index + 1));

let receiver: WebhookReceiver;
let test: TestApp;
beforeAll(async () => {
  receiver = await WebhookReceiver.start();
  test = await startApp({}, { otherHosts: [receiver] });
});
afterAll(async () => {
  await test.stop();
  await receiver.close();
});

/** Requests a refresh as a caller whose own trace goes on with it. */
async function requestTraced(project: TestProject, tokenIds: readonly string[], traceparent = TRACEPARENT) {
  const { body } = await http(test.app)
    .post('/v1/metadata-refreshes')
    .set({ 'x-api-key': project.apiKey, traceparent })
    .send({ collection_address: project.collectionAddress, token_ids: tokenIds })
    .expect(202);
  return (body as { refresh_id: string }).refresh_id;
}

/** Claims and written batches of the worker so far. */
function countBatches() {
  const { claimSeconds, completionSeconds } = test.app.get(WorkerMetrics).read();
  const sum = (histograms: Map<string, { count: number }>) =>
    [...histograms.values()].reduce((total, { count }) => total + count, 0);
  return { claims: sum(claimSeconds), completions: sum(completionSeconds) };
}

async function storedTraceparents(refreshIds: readonly string[]): Promise<(string | null)[]> {
  const client = new Client({ connectionString: test.database.url });
  await client.connect();
  try {
    const { rows } = await client.query<{ traceparent: string | null }>(
      'select traceparent from nft_metadata.refreshes where id = any($1) order by created_at',
      [refreshIds],
    );
    return rows.map(({ traceparent }) => traceparent);
  } finally {
    await client.end();
  }
}

describe('with an OpenTelemetry SDK', () => {
  let tracing: ReturnType<typeof startTracing>;
  beforeAll(() => {
    tracing = startTracing();
  });
  afterAll(() => tracing.stop());
  beforeEach(() => {
    tracing.forget();
    test.metadataApi.forgetScripts();
  });

  it('probes and reads of the metrics have no span', async () => {
    await http(test.app).get('/health/live').set({ traceparent: TRACEPARENT }).expect(200);
    await http(test.app).get('/metrics').set({ traceparent: TRACEPARENT }).expect(200);
    await http(test.app).get('/v1/metadata-refreshes').set({ traceparent: TRACEPARENT }).expect(401);
    await vi.waitUntil(() => tracing.spans(CALLER.traceId).length > 0, { timeout: 10_000 });

    expect(tracing.spans(CALLER.traceId).map(({ name }) => name)).toEqual(['GET /v1/metadata-refreshes']);
  });

  it('one refresh is one trace, from the request of a caller with a trace to the webhook, across processes', async () => {
    const project = await test.aProject({ tokens: ['1', '2'] });
    const delivery = test.app.get(EventDelivery);
    await delivery.runOnce();
    const webhook = { projectId: project.id, url: receiver.url('/traced?token=secret'), types: ['refresh.completed'] };
    await test.app.get(Webhooks).add({ ...webhook, types: ['refresh.completed'] });

    const refreshId = await requestTraced(project, ['1', '2']);
    const otherWorker = await test.anotherWorker();
    await otherWorker.runOnce();
    await delivery.runOnce();

    const spans = tracing.spans(CALLER.traceId);
    expect(outline(spans)).toEqual([
      'POST /v1/metadata-refreshes SERVER',
      '  send refreshes PRODUCER',
      '    deliver webhook CLIENT',
      '    receive refreshes CLIENT',
      '      fetch metadata CONSUMER',
      '    refresh INTERNAL',
      '    settle refreshes CLIENT',
    ]);
    expect(countByName(spans)).toMatchObject({ 'fetch metadata': 2, refresh: 1 });
    const byName = Object.fromEntries(spans.map((span) => [span.name, span]));
    expect(byName['POST /v1/metadata-refreshes']).toMatchObject({
      parentSpanContext: { ...CALLER, isRemote: true },
      attributes: {
        'http.request.method': 'POST',
        'http.route': '/v1/metadata-refreshes',
        'http.response.status_code': 202,
        'url.path': '/v1/metadata-refreshes',
      },
    });
    expect(byName['send refreshes']!.attributes).toMatchObject({
      'messaging.destination.name': 'refreshes',
      'messaging.operation.type': 'send',
      'messaging.message.id': refreshId,
      'nft_refresh.project.id': project.id,
      'nft_refresh.trigger': 'api',
      'nft_refresh.tokens': 2,
    });
    expect(byName['fetch metadata']!.attributes).toMatchObject({
      'messaging.operation.type': 'process',
      'http.response.status_code': 200,
      'nft_refresh.outcome': 'fetched',
    });
    expect(byName['refresh']!.attributes).toMatchObject({ 'nft_refresh.tokens': 2, 'nft_refresh.tokens.succeeded': 2 });
    expect(byName['deliver webhook']!.attributes).toMatchObject({
      'http.request.method': 'POST',
      'http.response.status_code': 204,
      'server.address': '127.0.0.1',
    });
  });

  it('a service whose operator preloads an SDK continues the trace in its own worker process', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    await requestTraced(project, ['1']);

    const worker = await startServiceProcess(test, 'worker', ['--import', PRELOADED]);
    const spans = await vi.waitUntil(
      () => {
        const all = [...worker.output().matchAll(/^span (.*)$/gm)].map(
          ([, json]) => JSON.parse(json!) as { name: string; traceId: string; parentId: string },
        );
        return all.some(({ name }) => name === 'refresh') && all;
      },
      { timeout: 30_000 },
    );
    await worker.end('SIGTERM');

    const [accepted] = tracing.spans(CALLER.traceId).filter(({ name }) => name === 'send refreshes');
    expect(new Set(spans.map(({ traceId }) => traceId))).toEqual(new Set([CALLER.traceId]));
    expect(spans.filter(({ parentId }) => parentId === accepted!.spanContext().spanId).map(({ name }) => name)).toEqual(
      ['receive refreshes', 'settle refreshes', 'refresh'],
    );
  });

  it('a large refresh has some spans for each batch, not one for each token', async () => {
    const project = await test.aProject({ tokens: ids(400), limits: { tokensPerRequest: 400 } });
    const before = countBatches();
    await requestTraced(project, ids(400));
    await test.worker.runOnce();

    const counts = countByName(tracing.spans(CALLER.traceId));
    const after = countBatches();
    const claims = counts['receive refreshes']!;
    expect(counts).toMatchObject({ 'send refreshes': 1, refresh: 1 });
    expect(counts['fetch metadata']).toBeLessThanOrEqual(10 * claims);
    expect(claims).toBeLessThanOrEqual(after.claims - before.claims);
    expect(counts['settle refreshes']).toBe(after.completions - before.completions);
    expect(claims + counts['settle refreshes']!).toBeLessThan(200);
    const settled = tracing.spans(CALLER.traceId).filter(({ name }) => name === 'settle refreshes');
    expect(settled.reduce((sum, { attributes }) => sum + Number(attributes['nft_refresh.tokens']), 0)).toBe(400);
  });

  it('refreshes that share a batch have traces of their own, and a fetch that they share is linked', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    await requestRefresh(test.app, project, ['1']);
    await requestRefresh(test.app, project, ['1']);
    await test.worker.runOnce();

    const traces = [...Map.groupBy(tracing.spans(), (span) => span.spanContext().traceId).values()];
    const fetches = tracing.spans().filter(({ name }) => name === 'fetch metadata');
    expect(traces.map(countByName)).toEqual([
      expect.objectContaining({ 'send refreshes': 1, 'settle refreshes': 1, refresh: 1 }),
      expect.objectContaining({ 'send refreshes': 1, 'settle refreshes': 1, refresh: 1 }),
    ]);
    expect(fetches).toHaveLength(1);
    const [other] = tracing
      .spans()
      .filter(({ name }) => name === 'send refreshes')
      .map((span) => span.spanContext())
      .filter(({ traceId }) => traceId !== fetches[0]!.spanContext().traceId);
    expect(fetches[0]!.links.map((link) => link.context)).toMatchObject([
      { traceId: other!.traceId, spanId: other!.spanId },
    ]);
  });

  it('a failed fetch is an error with its reason, and a retry is linked to the refresh that it repeats', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    test.metadataApi.respond('1', 404, 'not here');
    const refreshId = await requestTraced(project, ['1']);
    await test.worker.runOnce();
    const [first] = tracing.spans(CALLER.traceId).filter(({ name }) => name === 'send refreshes');
    const [fetch] = tracing.spans(CALLER.traceId).filter(({ name }) => name === 'fetch metadata');
    tracing.forget();
    await control(test.app, project, refreshId, 'retry').expect(202);

    const [retry] = tracing.spans().filter(({ name }) => name === 'send refreshes');
    expect(fetch).toMatchObject({
      status: { code: 2 },
      attributes: { 'error.type': 'status_404', 'http.response.status_code': 404 },
    });
    expect(retry!.attributes['nft_refresh.trigger']).toBe('retry');
    expect(retry!.links.map((link) => link.context.spanId)).toEqual([first!.spanContext().spanId]);
  });

  it('a request that the caller has not sampled is not traced, nor what it causes', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    const refreshId = await requestTraced(project, ['1'], TRACEPARENT.replace(/01$/, '00'));
    await test.worker.runOnce();

    expect(await storedTraceparents([refreshId])).toEqual([null]);
    expect(tracing.spans(CALLER.traceId)).toEqual([]);
  });

  it('a refused request is traced with its error', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    const requestTokens = (headers: Record<string, string>) =>
      http(test.app)
        .post('/v1/metadata-refreshes')
        .set({ traceparent: TRACEPARENT, ...headers })
        .send({ collection_address: project.collectionAddress, token_ids: ids(1001) });
    await requestTokens({}).expect(401);
    await requestTokens({ 'x-api-key': project.apiKey }).expect(400);

    const statusCodes = tracing.spans(CALLER.traceId).map(({ attributes }) => attributes['http.response.status_code']);
    expect(statusCodes).toEqual([401, 400]);
  });

  it('a refresh that the service itself requests begins a trace', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    const [collection] = await test.app.get(Collections).findByAddress(project.collectionAddress);
    await test.app.get(MetadataRefreshService).requestSelection(collection!, { tokenIds: ['1'], trigger: 'schedule' });
    await test.worker.runOnce();

    expect(outline(tracing.spans())).toEqual([
      'send refreshes PRODUCER',
      '  receive refreshes CLIENT',
      '    fetch metadata CONSUMER',
      '  refresh INTERNAL',
      '  settle refreshes CLIENT',
    ]);
  });

  it('spans of the application inside a consumer belong to the trace of the refresh', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    const other = await test.anotherProcess();
    other.get(MetadataEvents).on('refresh.completed', 'traced', (events) => {
      tracing.tracer.startSpan(`index ${events.length}`).end();
    });
    await other.get(EventDelivery).runOnce();
    await requestTraced(project, ['1']);
    await test.worker.runOnce();
    await other.get(EventDelivery).runOnce();

    expect(outline(tracing.spans(CALLER.traceId))).toEqual(
      expect.arrayContaining(['    deliver events CONSUMER', '      index 1 INTERNAL']),
    );
  });

  it('no span has credentials, or values of a query', async () => {
    const project = await test.aProject({
      tokens: ['1'],
      metadataUrl: `${test.metadataApi.url}/signed/{id}?X-Amz-Signature=hush-signature`,
    });
    await http(test.app)
      .post('/v1/metadata-refreshes?key=hush-query')
      .set({ 'x-api-key': project.apiKey, cookie: 'hush-cookie', traceparent: TRACEPARENT })
      .send({ collection_address: project.collectionAddress, token_ids: ['1'] });
    await test.worker.runOnce();

    const spans = tracing.spans();
    const fetched = spans.map(({ attributes }) => attributes['url.full']).filter(Boolean);
    expect(fetched).toEqual([expect.stringContaining('/signed/1?X-Amz-Signature=REDACTED')]);
    const text = JSON.stringify(
      spans.map(({ name, attributes, events, status }) => ({ name, attributes, events, status })),
    );
    expect(text).not.toMatch(/hush/);
    expect(text).not.toContain(project.apiKey);
  });

  it.each([
    ['Express', () => new ExpressAdapter()],
    ['Fastify', () => new FastifyAdapter()],
  ])('an application on %s that embeds the module below a prefix has the same trace', async (_, adapter) => {
    const database = await createDatabase();
    const metadataApi = await MetadataHost.start();
    const app = await startHostApp(database, metadataApi, {
      adapter: adapter(),
      configure: (of) => void of.setGlobalPrefix('shop'),
    });
    const { apiKey, address } = await aStudio(app, metadataApi);
    await request(app.getHttpServer() as App)
      .post('/shop/v1/metadata-refreshes')
      .set({ 'x-api-key': apiKey, traceparent: TRACEPARENT })
      .send({ collection_address: address, token_ids: ['1'] })
      .expect(202);
    await request(app.getHttpServer() as App)
      .get('/shop/elsewhere')
      .set({ traceparent: TRACEPARENT })
      .expect(404);
    await vi.waitUntil(() => tracing.spans().some(({ name }) => name === 'refresh'), { timeout: 10_000 });
    await app.close();
    await metadataApi.close();
    await database.drop();

    expect(outline(tracing.spans(CALLER.traceId))).toEqual([
      'POST /shop/v1/metadata-refreshes SERVER',
      '  send refreshes PRODUCER',
      '    receive refreshes CLIENT',
      '      fetch metadata CONSUMER',
      '    refresh INTERNAL',
      '    settle refreshes CLIENT',
    ]);
  });

  it('an application that traces HTTP itself keeps its own span of a request', async () => {
    const database = await createDatabase();
    const metadataApi = await MetadataHost.start();
    const adapter = new ExpressAdapter();
    const app = await startHostApp(database, metadataApi, { adapter, nftRefresh: { runWorker: false } });
    const server = app.getHttpServer() as App & NodeJS.EventEmitter;
    const emit = server.emit.bind(server);
    // As the instrumentation of Node's HTTP does it.
    server.emit = (name: string, ...args: unknown[]) => {
      if (name !== 'request') return emit(name, ...args);
      const span = tracing.tracer.startSpan('request of the application');
      (args[1] as NodeJS.EventEmitter).once('close', () => span.end());
      return context.with(trace.setSpan(context.active(), span), () => emit(name, ...args));
    };
    const { apiKey, address } = await aStudio(app, metadataApi);
    await request(server)
      .post('/v1/metadata-refreshes')
      .set({ 'x-api-key': apiKey })
      .send({ collection_address: address, token_ids: ['1'] })
      .expect(202);
    await vi.waitUntil(() => tracing.spans().length >= 2, { timeout: 10_000 });
    await app.close();
    await metadataApi.close();
    await database.drop();

    expect(outline(tracing.spans())).toEqual(['request of the application INTERNAL', '  send refreshes PRODUCER']);
  });

  it('requests of the console and for listings continue the trace of their caller', async () => {
    const app = await startConsoleHost(test.database, test.metadataApi, {}, { nftRefresh: { runWorker: false } });
    await request(app.getHttpServer() as App)
      .get('/console/api/session')
      .set({ traceparent: TRACEPARENT })
      .expect(200);
    await app.close();
    await http(test.app).get('/listings').set({ traceparent: TRACEPARENT });
    await vi.waitUntil(() => tracing.spans(CALLER.traceId).length >= 2, { timeout: 10_000 });

    expect(outline(tracing.spans(CALLER.traceId))).toEqual(['GET /console/api/session SERVER', 'GET /listings SERVER']);
  });
});

describe('without an OpenTelemetry SDK', () => {
  it('nothing is stored, and the number of calls of the API does not grow with tokens', async () => {
    const project = await test.aProject({ tokens: ids(400), limits: { tokensPerRequest: 400 } });
    const calls = [
      vi.spyOn(trace, 'getTracerProvider'),
      vi.spyOn(trace, 'getTracer'),
      vi.spyOn(trace, 'getSpan'),
      vi.spyOn(trace, 'setSpan'),
      vi.spyOn(trace, 'setSpanContext'),
      vi.spyOn(context, 'with'),
      vi.spyOn(context, 'active'),
    ];
    const before = countBatches();
    const countCalls = () => calls.reduce((sum, { mock }) => sum + mock.calls.length, 0);
    try {
      const refreshId = await requestRefresh(test.app, project, ids(400));
      await test.worker.runOnce();

      await expectSucceeded(test.app, project, refreshId, 400);
      expect(await storedTraceparents([refreshId])).toEqual([null]);
      expect(countCalls()).toBeGreaterThan(0);
      const after = countBatches();
      const batches = after.claims - before.claims + after.completions - before.completions;
      expect(batches).toBeLessThan(200);
      expect(countCalls()).toBeLessThan(2 * batches + 20);
    } finally {
      for (const spy of calls) spy.mockRestore();
    }
  });

  it('a worker does nothing for the trace of a refresh that another process has accepted with an SDK', async () => {
    const project = await test.aProject({ tokens: ids(50) });
    const tracing = startTracing();
    const refreshId = await requestTraced(project, ids(50));
    await tracing.stop();
    const spies = [vi.spyOn(trace, 'setSpanContext'), vi.spyOn(trace, 'setSpan'), vi.spyOn(context, 'with')];
    try {
      await test.worker.runOnce();

      expect(await storedTraceparents([refreshId])).toEqual([expect.stringContaining(CALLER.traceId)]);
      expect(spies.map(({ mock }) => mock.calls.length)).toEqual([0, 0, 0]);
    } finally {
      for (const spy of spies) spy.mockRestore();
    }
  });
});
