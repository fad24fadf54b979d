import { EventDelivery, METADATA_EVENT_TYPES, MetadataEventsModule } from '@app/metadata-events';
import { RefreshApiModule } from '@app/refresh-api';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { Webhook as StandardWebhook } from 'standardwebhooks';
import { AppModule } from '../src/app.module.js';
import { readEnvironment } from '../src/config/environment.js';
import { MetricsModule } from '../src/metrics/metrics.module.js';
import { http, requestRefresh, signedHeaders } from './support/project-api.js';
import { startApp, type TestApp, type TestProject } from './support/start-app.js';
import { WebhookReceiver, type ReceivedMessage } from './support/webhook-receiver.js';

let receiver: WebhookReceiver;
let test: TestApp;
let delivery: EventDelivery;
beforeAll(async () => {
  receiver = await WebhookReceiver.start();
  test = await startApp(
    { metadataEvents: { webhookDeadlineMs: 1000 }, refreshApi: { webhooksPerProject: 3 } },
    { otherHosts: [receiver] },
  );
  delivery = test.app.get(EventDelivery);
});
afterAll(async () => {
  await test.stop();
  await receiver.close();
});
afterEach(() => test.database.unfreezeTime());

const PATH = '/v1/webhooks';
const NOBODYS = '0b6f2d7c-5a55-4d2e-9a5e-111111111111';

interface Created {
  webhook_id: string;
  secret: string;
  url: string;
}

const ask = (project: TestProject, method: 'get' | 'post' | 'patch' | 'delete', path: string) =>
  http(test.app)[method](path).set('x-api-key', project.apiKey);
const create = (project: TestProject, body: object) => ask(project, 'post', PATH).send(body);

function application() {
  const environment = readEnvironment({ RUN_MODE: 'api', FETCH_ALLOWED_HOSTS: receiver.host });
  return AppModule.forRoot({ ...environment, databaseUrl: test.database.url });
}

let paths = 0;
async function aWebhook(project: TestProject, more: object = {}) {
  await delivery.runOnce();
  const path = `/hook-${(paths += 1)}`;
  const { body } = await create(project, { url: receiver.url(path), ...more }).expect(201);
  const { webhook_id: id, secret } = body as Created;
  return { id, secret, path, at: `${PATH}/${id}` };
}

async function refreshOne(project: TestProject): Promise<void> {
  test.metadataApi.respond('1', 200, { name: `One at ${performance.now()}` });
  await requestRefresh(test.app, project, ['1']);
  await test.worker.runOnce();
  await delivery.runOnce();
}

const typesOf = (messages: readonly ReceivedMessage[]) =>
  messages.map(({ body }) => (JSON.parse(body) as { type: string }).type);

describe('webhooks of a project', () => {
  it('a project creates a webhook, verifies its messages with the secret that is shown once, and reads the deliveries', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    const webhook = await aWebhook(project, { events: ['refresh.completed'] });

    await refreshOne(project);

    const [message] = receiver.at(webhook.path);
    expect(new StandardWebhook(webhook.secret).verify(message!.body, message!.headers)).toMatchObject({
      type: 'refresh.completed',
    });
    const shown = {
      webhook_id: webhook.id,
      url: receiver.url(webhook.path),
      events: ['refresh.completed'],
      triggers: ['api', 'partner_api', 'cli', 'console', 'retry'],
      created_at: expect.any(String) as string,
      disabled: null,
      failures: 0,
      failing_since: null,
      last_error: null,
    };
    expect((await ask(project, 'get', webhook.at).set(await signedHeaders(project))).body).toEqual(shown);
    expect((await ask(project, 'get', PATH)).body).toEqual({ result: [shown] });
    const { body } = await ask(project, 'get', `${webhook.at}/deliveries`);
    expect(body).toMatchObject({
      result: [{ event_type: 'refresh.completed', events: 1, attempt: 1, status: 204, reason: null }],
      remaining: 0,
    });
  });

  it('a project chooses by trigger of which completed refreshes its webhook hears, and changes the choice', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    const webhook = await aWebhook(project, { triggers: ['event', 'schedule'] });
    await refreshOne(project);

    const changed = await ask(project, 'patch', webhook.at).send({ triggers: ['api'] });
    await refreshOne(project);

    expect(changed).toMatchObject({
      status: 200,
      body: { triggers: ['api'], events: [...METADATA_EVENT_TYPES] },
    });
    expect(typesOf(receiver.at(webhook.path))).toEqual([
      'token.metadata.changed',
      'token.metadata.changed',
      'refresh.completed',
    ]);
  });

  it('a project receives all events unless it names some, and changes URL and events', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    const webhook = await aWebhook(project);
    await refreshOne(project);

    const changed = await ask(project, 'patch', webhook.at).send({
      url: receiver.url('/elsewhere'),
      events: ['token.metadata.changed'],
    });
    await refreshOne(project);

    expect(typesOf(receiver.at(webhook.path))).toEqual(['token.metadata.changed', 'refresh.completed']);
    expect(changed).toMatchObject({ status: 200, body: { events: ['token.metadata.changed'] } });
    expect(typesOf(receiver.at('/elsewhere'))).toEqual(['token.metadata.changed']);
  });

  it('a project rotates the secret: messages carry both signatures, of five secrets at most, and only the new one when the old one has leaked', async () => {
    const project = await test.aProject();
    const webhook = await aWebhook(project);
    const rotate = async (body?: object) =>
      ((await ask(project, 'post', `${webhook.at}/rotate-secret`).send(body).expect(200)).body as Created).secret;
    const signaturesOfTest = async () => {
      await ask(project, 'post', `${webhook.at}/test`).expect(200);
      return receiver.at(webhook.path).at(-1)!;
    };

    const second = await rotate();
    const both = await signaturesOfTest();
    for (let times = 0; times < 6; times += 1) await rotate({ keep_old_hours: 1 });
    const many = await signaturesOfTest();
    const last = await rotate({ keep_old_hours: 0 });
    const one = await signaturesOfTest();

    for (const secret of [webhook.secret, second]) {
      expect(new StandardWebhook(secret).verify(both.body, both.headers)).toMatchObject({ type: 'webhook.test' });
    }
    expect(many.headers['webhook-signature']!.split(' ')).toHaveLength(5);
    expect(one.headers['webhook-signature']!.split(' ')).toHaveLength(1);
    expect(new StandardWebhook(last).verify(one.body, one.headers)).toMatchObject({
      data: { webhook_id: webhook.id },
    });
  });

  it('a project sends a test message and reads its result, also from a receiver that refuses, hangs, or is disabled', async () => {
    const project = await test.aProject();
    const webhook = await aWebhook(project);
    receiver.respond(webhook.path, 200, 500, 'hangs', 204);
    const send = async () => (await ask(project, 'post', `${webhook.at}/test`).expect(200)).body as object;

    expect(await send()).toMatchObject({ status: 200, reason: null });
    expect(await send()).toMatchObject({ status: 500, reason: 'status_500' });
    expect(await send()).toMatchObject({ status: null, reason: 'timeout' });
    await test.database.query(`update nft_metadata.webhooks set disabled_at = now(), disabled_reason = 'gone'`);
    expect(await send()).toMatchObject({ status: 204, reason: null });

    const { body } = await ask(project, 'get', `${webhook.at}/deliveries`);
    expect((body as { result: object[] }).result).toMatchObject([
      { event_type: 'webhook.test', events: 0, status: 204 },
      { reason: 'timeout' },
      { reason: 'status_500' },
      { status: 200 },
    ]);
    expect((await ask(project, 'get', webhook.at)).body).toMatchObject({ disabled: 'gone', failures: 0 });
  });

  it('a project sends one test message at a time to a webhook', async () => {
    const project = await test.aProject();
    const webhook = await aWebhook(project);
    let finish: (() => void) | undefined;
    receiver.respond(webhook.path, (response) => {
      finish = () => void response.writeHead(204).end();
    });
    const first = ask(project, 'post', `${webhook.at}/test`).then(({ status }) => status);
    await vi.waitUntil(() => finish !== undefined, { timeout: 10_000 });

    const second = await ask(project, 'post', `${webhook.at}/test`);

    finish!();
    expect(second).toMatchObject({ status: 409, body: { code: 'webhook_test_running' } });
    expect(await first).toBe(200);
  });

  it('a project enables a disabled webhook, from the failed message on or without its backlog', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    const webhook = await aWebhook(project, { events: ['refresh.completed'] });
    receiver.respond(webhook.path, 410, 204);
    await refreshOne(project);
    expect((await ask(project, 'get', webhook.at)).body).toMatchObject({ disabled: 'gone' });

    expect((await ask(project, 'post', `${webhook.at}/enable`).expect(200)).body).toMatchObject({ disabled: null });
    await delivery.runOnce();
    expect(receiver.at(webhook.path)).toHaveLength(2);

    receiver.respond(webhook.path, 410, 204);
    await refreshOne(project);
    await ask(project, 'post', `${webhook.at}/enable`).send({ skip_backlog: true }).expect(200);
    await delivery.runOnce();
    expect(receiver.at(webhook.path)).toHaveLength(3);
  });

  it('a project deletes a webhook, which receives nothing more', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    const webhook = await aWebhook(project);

    await ask(project, 'delete', webhook.at).expect(204);
    await refreshOne(project);

    expect(receiver.at(webhook.path)).toEqual([]);
    expect(await ask(project, 'get', webhook.at)).toMatchObject({ status: 404, body: { code: 'webhook_not_found' } });
    expect(await ask(project, 'delete', webhook.at)).toMatchObject({ status: 404 });
  });

  it('a project has a limited number of webhooks, exactly with concurrent requests', async () => {
    const project = await test.aProject();

    const responses = await Promise.all(
      [1, 2, 3, 4, 5].map((index) => create(project, { url: receiver.url(`/many-${index}`) })),
    );

    expect(responses.map(({ status }) => status).toSorted((one, other) => one - other)).toEqual([
      201, 201, 201, 409, 409,
    ]);
    expect(responses.find(({ status }) => status === 409)!.body).toEqual({
      code: 'webhook_limit_reached',
      message: 'The project already has 3 webhooks, the maximum.',
    });
    expect(((await ask(project, 'get', PATH)).body as { result: object[] }).result).toHaveLength(3);
  });

  it('a project reads deliveries page by page, whatever the lengths of their ids', async () => {
    const project = await test.aProject();
    const webhook = await aWebhook(project);
    await test.database.query(
      `insert into nft_metadata.webhook_deliveries
         (id, webhook_id, message_id, event_type, events, attempt, duration_ms, attempted_at)
       overriding system value
       select id, $1, 'msg_' || id, 'refresh.completed', 1, 1, 1, now() from unnest('{7999,8000,79999,80001}'::int[]) as id`,
      [webhook.id],
    );

    const seen: string[] = [];
    for (let cursor = '', remaining = 1; remaining === 1;) {
      const { body } = await ask(project, 'get', `${webhook.at}/deliveries?page_size=1&cursor=${cursor}`).expect(200);
      const page = body as { result: { message_id: string }[]; cursor: string; remaining: number };
      seen.push(...page.result.map(({ message_id }) => message_id));
      ({ cursor, remaining } = page);
    }

    expect(seen).toEqual(['msg_80001', 'msg_79999', 'msg_8000', 'msg_7999']);
  });
});

it('the routes of webhooks work in the same way on Fastify', async () => {
  const project = await test.aProject();
  const testing = await Test.createTestingModule({ imports: [application()] }).compile();
  const app = testing.createNestApplication(new FastifyAdapter(), { logger: false });
  await app.init();
  await (app.getHttpAdapter().getInstance() as { ready(): Promise<unknown> }).ready();
  const onFastify = (method: 'get' | 'post' | 'patch' | 'delete' | 'put', path: string) =>
    http(app)[method](path).set('x-api-key', project.apiKey);

  const { body } = await onFastify('post', PATH)
    .send({ url: receiver.url('/fastify') })
    .expect(201);
  const at = `${PATH}/${(body as Created).webhook_id}`;
  const collection = `/v1/collections/${project.collectionAddress}`;
  const responses = [
    await onFastify('post', `${at}/test`),
    await onFastify('post', `${at}/rotate-secret`),
    await onFastify('post', `${at}/enable`),
    await onFastify('patch', at).send({ events: ['refresh.completed'] }),
    await onFastify('delete', at),
    await onFastify('put', at),
    await onFastify('get', `${at}/nothing`),
    await onFastify('post', PATH).set('content-type', 'application/json').send('{'),
    await onFastify('post', `${collection}/tokens`).send({ token_ids: ['1'] }),
    await onFastify('get', collection),
    await onFastify('get', `${collection}/tokens/1`),
    await onFastify('delete', collection),
  ];

  await app.close();
  expect(responses.map(({ status }) => status)).toEqual([200, 200, 200, 200, 204, 405, 404, 400, 200, 200, 200, 405]);
  expect(responses[7]!.body).toMatchObject({ code: 'malformed_request' });
});

describe('another project', () => {
  it('another project gets 404 on every route, as for a webhook that does not exist, and changes nothing', async () => {
    const [project, stranger] = [await test.aProject(), await test.aProject()];
    const webhook = await aWebhook(project);

    for (const at of [webhook.at, `${PATH}/${NOBODYS}`]) {
      const responses = [
        await ask(stranger, 'get', at),
        await ask(stranger, 'patch', at).send({ url: receiver.url('/stolen') }),
        await ask(stranger, 'delete', at),
        await ask(stranger, 'post', `${at}/enable`),
        await ask(stranger, 'post', `${at}/rotate-secret`),
        await ask(stranger, 'post', `${at}/test`),
        await ask(stranger, 'get', `${at}/deliveries`),
      ];
      for (const response of responses) {
        expect(response).toMatchObject({ status: 404, body: { code: 'webhook_not_found' } });
      }
    }
    expect((await ask(stranger, 'get', PATH)).body).toEqual({ result: [] });
    expect((await ask(project, 'get', webhook.at)).body).toMatchObject({ url: receiver.url(webhook.path) });
    expect(receiver.at(webhook.path)).toEqual([]);
  });
});

describe('routes of webhooks', () => {
  it.each([
    [{}, 'url must be a URL'],
    [{ url: 'http://partner.example/hook' }, 'is not allowed: unsupported_scheme'],
    [{ url: 'https://127.0.0.1/hook' }, 'is not allowed: blocked_address'],
    [{ url: 'https://169.254.169.254/latest/meta-data' }, 'is not allowed: blocked_address'],
    [{ url: 'https://partner.example:8080/' }, 'is not allowed: blocked_port'],
    [
      { url: 'https://partner.example/', events: [] },
      'events must be a list of one or more of token.metadata.changed, refresh.completed, collection.metadata.changed, reveal.published, reveal.reverted, reveal.blocked',
    ],
    [
      { url: 'https://partner.example/', events: ['all'] },
      'events.0 must be one of token.metadata.changed, refresh.completed, collection.metadata.changed, reveal.published, reveal.reverted, reveal.blocked',
    ],
    [{ url: 'https://partner.example/', triggers: [] }, 'triggers must be a list of one or more of api, partner_api,'],
    [{ url: 'https://partner.example/', triggers: ['all'] }, 'triggers.0 must be one of api, partner_api,'],
    [
      { url: 'https://partner.example/', secret: 'mine' },
      'secret is not a field here; there are events, triggers, url',
    ],
  ])('the routes of webhooks refuse to create %j and say why', async (body, message) => {
    const project = await test.aProject();

    const response = await create(project, body);

    expect(response).toMatchObject({
      status: 400,
      body: { code: 'input_validation_failed', message: expect.stringContaining(message) as string },
    });
    expect((await ask(project, 'get', PATH)).body).toEqual({ result: [] });
  });

  it('the routes of webhooks refuse unknown fields and parameters by name', async () => {
    const project = await test.aProject();
    const { at } = await aWebhook(project);

    const responses = [
      await ask(project, 'patch', at).send({ uri: 'https://partner.example' }),
      await ask(project, 'patch', at).send({}),
      await ask(project, 'patch', at).send({ url: 'https://10.0.0.1/' }),
      await ask(project, 'post', `${at}/rotate-secret`).send({ keep_old_hours: 169 }),
      await ask(project, 'post', `${at}/enable`).send({ skip: true }),
      await ask(project, 'post', `${at}/test`).send({ url: 'https://partner.example' }),
      await ask(project, 'get', `${PATH}?page_size=1`),
      await ask(project, 'get', `${at}/deliveries?limit=1`),
      await ask(project, 'get', `${PATH}/7`),
    ];

    expect(responses.map(({ status }) => status)).toEqual(responses.map(() => 400));
    expect(responses.map(({ body }) => (body as { message: string }).message)).toEqual([
      'uri is not a field here; did you mean url?; the body must have url, events or triggers',
      'the body must have url, events or triggers',
      'Webhook URL "https://10.0.0.1/" is not allowed: blocked_address. Use an https URL with a public address and a port that is allowed.',
      'keep_old_hours must be a whole number of hours from 0 to 168',
      'skip is not a field here; there are skip_backlog',
      'url is not a field here; there are none',
      'page_size is not a parameter here; there are none',
      'limit is not a parameter here; there are cursor, page_size',
      'webhook_id must be a UUID',
    ]);
  });

  it('the routes of webhooks respond with 401 without credentials, 405 with Allow to other methods, and 404 below them, in the project API’s shape', async () => {
    const { at } = await aWebhook(await test.aProject());

    expect(await http(test.app).get(PATH)).toMatchObject({ status: 401, body: { code: 'unauthorized' } });
    expect(await http(test.app).post(`${at}/test`)).toMatchObject({ status: 401, body: { code: 'unauthorized' } });
    expect(await http(test.app).put(at)).toMatchObject({
      status: 405,
      headers: { allow: 'GET, PATCH, DELETE' },
      body: { code: 'method_not_allowed' },
    });
    expect(await http(test.app).get(`${at}/test`)).toMatchObject({ status: 405, headers: { allow: 'POST' } });
    expect(await http(test.app).get(`${at}/secret`)).toMatchObject({ status: 404, body: { code: 'not_found' } });
    expect(await http(test.app).post(PATH).set('content-type', 'application/json').send('{')).toMatchObject({
      status: 400,
      body: { code: 'malformed_request' },
    });
  });

  it('the routes of webhooks count changes towards the requests per second, and not reads', async () => {
    const project = await test.aProject({ limits: { requestsPerSecond: 2 } });
    await test.database.freezeTime();
    const statuses = [];
    for (const index of [1, 2, 3]) {
      statuses.push((await create(project, { url: receiver.url(`/rate-${index}`) })).status);
    }

    expect(statuses).toEqual([201, 201, 429]);
    const { body } = await ask(project, 'get', PATH).expect(200);
    expect((body as { result: object[] }).result).toHaveLength(2);
  });

  it('the routes of webhooks need MetadataEventsModule: without it the start fails with an error that names it', async () => {
    const module = application();
    // The metrics of the application need the module as well.
    const imports = module.imports!.filter(
      (one) => one !== MetricsModule && (one as { module?: unknown }).module !== MetadataEventsModule,
    );

    await expect(Test.createTestingModule({ imports: [{ ...module, imports }] }).compile()).rejects.toThrow(
      'RefreshApiModule: exposeWebhookRoutes needs MetadataEventsModule',
    );
    expect(RefreshApiModule.forRoot().controllers?.map(({ name }) => name)).not.toContain('WebhooksController');
  });
});
