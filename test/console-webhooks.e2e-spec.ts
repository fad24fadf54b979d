import { EventDelivery, MetadataEvents, Webhooks } from '@app/metadata-events';
import { webhookListSchema, webhookSchema, webhookTestSchema } from '../libs/console/src/wire/index.js';
import { ConsoleVisitor, expectShape, startConsoleHost } from './support/console.js';
import { startConsoleApp } from './support/console-app.js';
import { refreshOnce } from './support/refresh-steps.js';
import type { TestApp, TestProject } from './support/start-app.js';
import { captureStatements, explainReads } from './support/statements.js';
import { WebhookReceiver } from './support/webhook-receiver.js';

const UNKNOWN = '6c5d2a3e-9b1c-4f6e-8a37-1d0f0a5b7c21';

let receiver: WebhookReceiver;
let test: TestApp;
let operator: ConsoleVisitor;
let webhooks: Webhooks;
let delivery: EventDelivery;
beforeEach(async () => {
  receiver = await WebhookReceiver.start();
  ({ test, operator } = await startConsoleApp({}, { otherHosts: [receiver] }));
  webhooks = test.app.get(Webhooks);
  delivery = test.app.get(EventDelivery);
});
afterEach(async () => {
  await test.stop();
  await receiver.close();
});

const aPartner = (project: TestProject) => new ConsoleVisitor(test.app).withApiKey(project.apiKey);
const readWebhook = async (visitor: ConsoleVisitor, id: string) =>
  (await visitor.read(`webhooks/${id}`, webhookSchema)).webhook;

/** A webhook of a project of its own, whose receiver responds with 500: four changes and a completed refresh wait for it. */
async function aFailingWebhook() {
  const project = await test.aProject({ tokens: ['1', '2', '3', '4'] });
  const path = `/hook/${project.id}?key=secret`;
  receiver.respond(path, 500);
  const { id } = await webhooks.add({ projectId: project.id, url: receiver.url(path) });
  await refreshOnce(test, project, ['1', '2', '3', '4']);
  await delivery.runOnce();
  return { project, path, id };
}

it('a webhook that fails shows since when, why and how many events it is behind, to operators and its partner [K54]', async () => {
  const { project, path, id } = await aFailingWebhook();
  // Nothing of it waits for this webhook.
  const other = await test.aProject({ tokens: ['1'] });
  await refreshOnce(test, other, ['1']);
  await delivery.runOnce();

  for (const visitor of [operator, await aPartner(project)]) {
    const webhook = await readWebhook(visitor, id);
    const { rows } = await visitor.read('webhooks?state=failing', webhookListSchema);

    expect(webhook).toMatchObject({
      id,
      project: visitor === operator ? { id: project.id, name: 'Studio' } : null,
      url: receiver.url(path).replace('?key=secret', '?…'),
      state: 'failing',
      failures: 1,
      lastError: 'status_500',
      behind: { count: 5, isMore: false },
      disabledAt: null,
      lastDelivery: { attempt: 1, status: 500, reason: 'status_500' },
      actions: { enable: true, skip: true, test: true },
      next: null,
    });
    expect(webhook.deliveries).toEqual([webhook.lastDelivery]);
    expect(webhook.failingSince! < webhook.nextAttemptAt!).toBe(true);
    expect(rows).toMatchObject([{ id, state: 'failing', behind: { count: 5, isMore: false } }]);
  }
});

it('enabled, it is sent what waited; with the backlog skipped, only what happens from then on [K54] [K23]', async () => {
  const [one, other] = [await aFailingWebhook(), await aFailingWebhook()];
  for (const { path } of [one, other]) receiver.respond(path, 204);
  const before = receiver.messages.length;
  const partner = await aPartner(other.project);

  expectShape(webhookSchema, await operator.post(`webhooks/${one.id}/enable`));
  const skipped = expectShape(webhookSchema, await partner.post(`webhooks/${other.id}/enable`, { skipBacklog: true }));
  await delivery.runOnce();

  expect(skipped.webhook).toMatchObject({
    state: 'good',
    failures: 0,
    failingSince: null,
    behind: { count: 0, isMore: false },
    actions: { enable: false, skip: false, test: true },
  });
  expect(new Set(receiver.messages.slice(before).map(({ path }) => path))).toEqual(new Set([one.path]));
  expect(await readWebhook(operator, one.id)).toMatchObject({ state: 'good', behind: { count: 0 } });
  await operator.post(`webhooks/${one.id}/enable`).expect(409);
  const logged = await test.database.query(
    'select who, project_id as project, action, target, outcome from nft_metadata.console_actions order by id',
  );
  expect(logged).toEqual([
    { who: 'Mira', project: one.project.id, action: 'webhook.enable', target: one.id, outcome: 'done' },
    { who: 'Studio', project: other.project.id, action: 'webhook.skip', target: other.id, outcome: 'done' },
    { who: 'Mira', project: one.project.id, action: 'webhook.enable', target: one.id, outcome: 'conflict' },
  ]);
});

it('a webhook that was disabled says why, and can be enabled', async () => {
  const { id, path } = await aFailingWebhook();
  receiver.respond(path, 410);
  await test.database.advance(10);
  await delivery.runOnce();

  const disabled = await readWebhook(operator, id);
  expect(disabled).toMatchObject({
    state: 'disabled',
    disabledReason: 'gone',
    nextAttemptAt: null,
    behind: { count: 5, isMore: false },
    actions: { enable: true, skip: true },
  });
  expect(disabled.disabledAt).not.toBeNull();
  expect((await operator.read('webhooks?state=disabled', webhookListSchema)).rows).toMatchObject([{ id }]);
  const enabled = expectShape(webhookSchema, await operator.post(`webhooks/${id}/enable`));
  expect(enabled.webhook).toMatchObject({ state: 'good', disabledAt: null });
});

it('a test message says what came of it, and is listed with the other deliveries page by page', async () => {
  const { id, path } = await aFailingWebhook();

  const refused = expectShape(webhookTestSchema, await operator.post(`webhooks/${id}/test`));
  receiver.respond(path, 204);
  const accepted = expectShape(webhookTestSchema, await operator.post(`webhooks/${id}/test`));
  await test.database.query(
    `insert into nft_metadata.webhook_deliveries
       (webhook_id, message_id, event_type, events, attempt, status_code, reason, duration_ms, attempted_at)
     select $1, 'message', 'refresh.completed', 1, 1, 204, null, 12, now() from generate_series(1, 60)`,
    [id],
  );
  const first = await readWebhook(operator, id);
  const { webhook: second } = await operator.read(`webhooks/${id}?cursor=${first.next}`, webhookSchema);

  expect(refused).toMatchObject({ status: 500, reason: 'status_500' });
  expect(accepted).toMatchObject({ status: 204, reason: null });
  expect([first.deliveries.length, second.deliveries.length, second.next]).toEqual([50, 13, null]);
  expect(second.deliveries.slice(-3).map(({ type, status }) => [type, status])).toEqual([
    ['webhook.test', 204],
    ['webhook.test', 500],
    ['token.metadata.changed', 500],
  ]);
  await operator.get(`webhooks/${id}?cursor=forged`).expect(400);
});

it('a partner asks in vain for the webhook of somebody else, as for one that does not exist [K20] [K23]', async () => {
  const [own, other] = [await aFailingWebhook(), await aFailingWebhook()];
  const partner = await aPartner(own.project);
  const bodyOf = ({ body, status }: { body: object; status: number }) => ({ ...body, status, requestId: '' });

  expect((await partner.read('webhooks', webhookListSchema)).rows.map(({ id }) => id)).toEqual([own.id]);
  for (const path of ['', '/enable', '/test']) {
    const ask = (id: string) =>
      path === '' ? partner.get(`webhooks/${id}`) : partner.post(`webhooks/${id}${path}`, { skipBacklog: true });
    const [ofOther, ofNobody, malformed] = [await ask(other.id), await ask(UNKNOWN), await ask('no-id')];

    expect(ofOther.status).toBe(path === '/test' ? ofNobody.status : 404);
    expect(bodyOf(ofOther)).toEqual(bodyOf(ofNobody));
    expect(bodyOf(malformed)).toEqual(bodyOf(ofNobody));
  }
  const page = await operator.read('webhooks', webhookListSchema);
  const cursor = Buffer.from(JSON.stringify({ createdAt: page.rows[0]!.createdAt, id: page.rows[0]!.id })).toString(
    'base64url',
  );
  const after = await partner.read(`webhooks?cursor=${cursor}`, webhookListSchema);
  expect(after.rows.every(({ id }) => id === own.id)).toBe(true);
  expect(await readWebhook(operator, other.id)).toMatchObject({ state: 'failing', failures: 1 });
  const refused = await test.database.query(
    `select action from nft_metadata.console_actions where outcome = 'not_found' and target = $1`,
    [other.id],
  );
  expect(refused).toEqual([{ action: 'webhook.skip' }, { action: 'webhook.test' }]);
});

it('who may change nothing is offered no action, and each is refused and logged [K22] [K23]', async () => {
  const { id } = await aFailingWebhook();
  const host = await startConsoleHost(test.database, test.metadataApi, { mayAct: false });
  try {
    const reader = await new ConsoleVisitor(host).asOperator();

    expect((await readWebhook(reader, id)).actions).toEqual({ enable: false, skip: false, test: false });
    await reader.post(`webhooks/${id}/enable`).expect(403);
    await reader.post(`webhooks/${id}/enable`, { skipBacklog: true }).expect(403);
    await reader.post(`webhooks/${id}/test`).expect(403);
    await reader.post(`webhooks/${id}/enable`, { skipBacklog: 'maybe' }).expect(403);
  } finally {
    await host.close();
  }
  const logged = await test.database.query('select action, outcome from nft_metadata.console_actions order by id');
  expect(logged).toEqual(
    ['webhook.enable', 'webhook.skip', 'webhook.test', 'webhook.enable'].map((action) => ({
      action,
      outcome: 'forbidden',
    })),
  );
});

it('operators see the consumers of the application, and partners do not', async () => {
  const { project } = await aFailingWebhook();
  const failing = { isFailing: true };
  test.app.get(MetadataEvents).on('token.metadata.changed', 'search-index', () => {
    if (failing.isFailing) throw new Error('the index is full');
  });
  await delivery.runOnce();
  test.metadataApi.respond('1', 200, { name: 'Another name' });
  await refreshOnce(test, project, ['1', '2']);
  await delivery.runOnce();

  const behind = await operator.read('webhooks', webhookListSchema);
  const ofPartner = await (await aPartner(project)).read('webhooks', webhookListSchema);

  expect(behind.consumers).toMatchObject([
    {
      name: 'search-index/token.metadata.changed',
      behind: { count: 1, isMore: false },
      failures: 1,
      lastError: 'Error: the index is full',
    },
  ]);
  expect(ofPartner.consumers).toEqual([]);
});

it('a page of webhooks reads a bounded part of what waits, and says that there is more', async () => {
  const { id } = await aFailingWebhook();
  await test.database.query(
    `insert into nft_metadata.event_outbox (position, occurred_at, changes, completions, event_count)
     select new.position, now(), changes, completions, event_count
     from nft_metadata.event_outbox
     cross join generate_series(
       (select last_position + 1 from nft_metadata.event_stream), (select last_position + 5000 from nft_metadata.event_stream)
     ) as new (position)
     where event_outbox.position = 1`,
  );
  await test.database.query('update nft_metadata.event_stream set last_position = last_position + 5000');
  await test.database.query('analyze nft_metadata.event_outbox');

  for (const [path, rows] of [
    ['webhooks', 100],
    [`webhooks/${id}`, 1000],
  ] as const) {
    const statements = await captureStatements(() => operator.get(path).expect(200));
    const reads = await explainReads(test.database.url, statements);
    const ofOutbox = reads.filter(({ table }) => table === 'event_outbox');

    const large = ofOutbox.filter((read) => read.rows > rows);
    expect({ path, large }).toEqual({ path, large: [] });
  }
  const { behind } = await readWebhook(operator, id);
  expect(behind.isMore).toBe(true);
  expect(behind.count).toBeGreaterThan(1000);
});
