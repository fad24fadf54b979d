import { EventDelivery, EventRetention, InvalidWebhook, MetadataEvents, Webhooks } from '@app/metadata-events';
import { MetadataRefreshService, type RefreshTrigger } from '@app/metadata-refresh';
import { Collections } from '@app/token-store';
import { Webhook as StandardWebhook } from 'standardwebhooks';
import { Client } from 'pg';
import { requestRefresh } from './support/project-api.js';
import { startServiceProcess } from './support/service-process.js';
import { startApp, type TestApp, type TestProject } from './support/start-app.js';
import { WebhookReceiver, type ReceivedMessage } from './support/webhook-receiver.js';

let receiver: WebhookReceiver;
let test: TestApp;
let webhooks: Webhooks;
let delivery: EventDelivery;
beforeAll(async () => {
  receiver = await WebhookReceiver.start();
  // Receivers respond in time on a busy machine, too. A receiver that hangs takes all of it.
  test = await startApp({ metadataEvents: { webhookDeadlineMs: 3000 } }, { otherHosts: [receiver] });
  webhooks = test.app.get(Webhooks);
  delivery = test.app.get(EventDelivery);
});
afterAll(async () => {
  await test.stop();
  await receiver.close();
});

let paths = 0;
async function aWebhook(project: TestProject, ...types: ('token.metadata.changed' | 'refresh.completed')[]) {
  await delivery.runOnce();
  const path = `/hook-${(paths += 1)}`;
  const url = receiver.url(path);
  const { id, secret } = await webhooks.add({ projectId: project.id, url, ...(types.length > 0 && { types }) });
  return { id, path, secret, received: () => receiver.at(path) };
}

/** New metadata for each, fetched and written; delivered when the test says so. */
async function change(project: TestProject, ...tokenIds: string[]): Promise<string> {
  for (const tokenId of tokenIds) {
    test.metadataApi.respond(tokenId, 200, { name: `${tokenId} at ${performance.now()}` });
  }
  const refreshId = await requestRefresh(test.app, project, tokenIds);
  await test.worker.runOnce();
  return refreshId;
}

/** A refresh that the service itself requests. */
async function refreshFor(
  project: TestProject,
  trigger: Extract<RefreshTrigger, 'event' | 'schedule'>,
  ...tokenIds: string[]
) {
  const [collection] = await test.app.get(Collections).findByAddress(project.collectionAddress);
  const { refreshId } = await test.app.get(MetadataRefreshService).requestSelection(collection!, { tokenIds, trigger });
  await test.worker.runOnce();
  return refreshId;
}

const bodyOf = ({ body }: ReceivedMessage) =>
  JSON.parse(body) as { type: string; timestamp: string; data: Record<string, Record<string, unknown>[]> };

const tokensOf = (messages: readonly ReceivedMessage[]) =>
  messages.flatMap((message) => bodyOf(message).data['changes'] ?? []).map(({ token_id }) => String(token_id));

const deliveriesOf = async (id: string) =>
  (await webhooks.listDeliveries(id)).map(({ attempt, status, reason }) => ({ attempt, status, reason }));

describe('webhooks', () => {
  it('a webhook receives changes and completed refreshes, with signatures that the Standard Webhooks libraries verify', async () => {
    const project = await test.aProject({ tokens: ['1', '2'] });
    const webhook = await aWebhook(project);

    const refreshId = await change(project, '1', '2');
    await delivery.runOnce();

    const messages = webhook.received();
    const verified = messages.map(({ body, headers }) => new StandardWebhook(webhook.secret).verify(body, headers));
    // Tokens whose results were written one after the other may be in a message each.
    const changes = messages.slice(0, -1).map(bodyOf);
    expect(new Set(changes.map(({ type }) => type))).toEqual(new Set(['token.metadata.changed']));
    const changedTokens = changes.flatMap(({ data }) => data['changes'] as { token_id: string }[]);
    expect(changedTokens.map(({ token_id }) => token_id).toSorted()).toEqual(['1', '2']);
    expect(verified.at(-1)).toMatchObject({
      type: 'refresh.completed',
      data: { refreshes: [{ refresh_id: refreshId, total: 2, succeeded: 2, failed: 0 }] },
    });
    expect(bodyOf(messages[0]!).data['changes']![0]).toEqual({
      event_id: expect.any(String) as string,
      chain_id: 1,
      collection_address: project.collectionAddress,
      token_id: expect.stringMatching(/^[12]$/) as string,
      source: 'metadata_api',
      changed_fields: ['name'],
      traits_added: [],
      traits_removed: [],
      has_all_traits: true,
      refresh_ids: [refreshId],
      changed_at: bodyOf(messages[0]!).timestamp,
    });
    expect(messages[0]!.headers).toMatchObject({
      'content-type': 'application/json',
      'user-agent': expect.stringMatching(/^nestjs-nft-refresh/) as string,
    });
    expect(() =>
      new StandardWebhook(webhook.secret).verify(messages[0]!.body.replace(/"[12]"/, '"7"'), messages[0]!.headers),
    ).toThrow();
  });

  it('a webhook receives only the event types that it subscribed to', async () => {
    const project = await test.aProject({ tokens: ['3'] });
    const webhook = await aWebhook(project, 'refresh.completed');

    await change(project, '3');
    await delivery.runOnce();

    expect(webhook.received().map((message) => bodyOf(message).type)).toEqual(['refresh.completed']);
  });

  it('a webhook receives the completed refreshes that its project requests, and those of other triggers only if it names them', async () => {
    const project = await test.aProject({ tokens: ['1', '2', '3'] });
    const [asRequested, asNamed] = [await aWebhook(project), await aWebhook(project)];
    await webhooks.update(asNamed.id, { triggers: ['event', 'api'] });
    test.metadataApi.respond('3', 404);

    const requested = await change(project, '1');
    const ofEvent = await refreshFor(project, 'event', '1', '2', '3');
    const scheduled = await refreshFor(project, 'schedule', '2');
    await delivery.runOnce();

    expect([requested, ofEvent, scheduled].map((id) => id.length)).toEqual([36, 36, 36]);
    const refreshesOf = ({ received }: typeof asNamed) =>
      received().flatMap((message) => bodyOf(message).data['refreshes'] ?? []);
    expect(refreshesOf(asRequested)).toMatchObject([{ refresh_id: requested, trigger: 'api' }]);
    expect(refreshesOf(asNamed)).toMatchObject([
      { refresh_id: requested, trigger: 'api' },
      {
        refresh_id: ofEvent,
        trigger: 'event',
        total: 3,
        succeeded: 2,
        failed: 1,
        cancelled: 0,
        verdicts: { updated: 1, unchanged: 1, superseded: 0, failed: 1, cancelled: 0 },
      },
    ]);
    expect(tokensOf(asRequested.received())).toEqual(['1', '2']);
  });

  it('a webhook receives nothing about collections of another project', async () => {
    const [project, other] = [await test.aProject({ tokens: ['4'] }), await test.aProject({ tokens: ['5'] })];
    const webhook = await aWebhook(project);

    await change(other, '5');
    await change(project, '4');
    await delivery.runOnce();

    expect(tokensOf(webhook.received())).toEqual(['4']);
    expect(webhook.received()).toHaveLength(2);
  });

  it('a webhook receives a reveal in messages of up to 100 changes, each token once and in order', async () => {
    const tokens = Array.from({ length: 250 }, (_, index) => String(6000 + index));
    const project = await test.aProject({ tokens });
    const webhook = await aWebhook(project, 'token.metadata.changed');

    await change(project, ...tokens);
    await delivery.runOnce();

    const sizes = webhook.received().map((message) => bodyOf(message).data['changes']!.length);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(100);
    expect(tokensOf(webhook.received()).toSorted()).toEqual(tokens);
    expect(new Set(webhook.received().map(({ headers }) => headers['webhook-id'])).size).toBe(sizes.length);
  });
});

describe('receivers of webhooks', () => {
  it('a webhook receiver that responds with 500 receives the same message again after a delay, with the same id, and later events after it', async () => {
    const project = await test.aProject({ tokens: ['10', '11'] });
    const webhook = await aWebhook(project, 'token.metadata.changed');
    receiver.respond(webhook.path, 500, 204);

    await change(project, '10');
    await delivery.runOnce();
    await change(project, '11');
    await delivery.runOnce();
    expect(tokensOf(webhook.received())).toEqual(['10']);
    expect(await webhooks.list(project.id)).toMatchObject([{ failures: 1, lastError: 'status_500' }]);
    await test.database.advance(7);
    await delivery.runOnce();

    const [first, second, third] = webhook.received();
    expect(second!.headers['webhook-id']).toBe(first!.headers['webhook-id']);
    expect(tokensOf([second!, third!])).toEqual(['10', '11']);
    expect(await deliveriesOf(webhook.id)).toEqual([
      { attempt: 1, status: 204, reason: null },
      { attempt: 2, status: 204, reason: null },
      { attempt: 1, status: 500, reason: 'status_500' },
    ]);
    expect(await webhooks.list(project.id)).toMatchObject([{ failures: 0, failingSince: null, lastError: null }]);
  });

  it('a webhook receiver that sends Retry-After receives nothing before that time', async () => {
    const project = await test.aProject({ tokens: ['12'] });
    const webhook = await aWebhook(project, 'token.metadata.changed');
    receiver.respond(webhook.path, (response) => response.writeHead(503, { 'retry-after': '120' }).end(), 204);

    await change(project, '12');
    await delivery.runOnce();
    await test.database.advance(100);
    await delivery.runOnce();
    expect(webhook.received()).toHaveLength(1);
    await test.database.advance(30);
    await delivery.runOnce();

    expect(webhook.received()).toHaveLength(2);
  });

  it('a webhook receiver that hangs times out, and delays no other webhook', async () => {
    const project = await test.aProject({ tokens: ['13'] });
    const [slow, quick] = [
      await aWebhook(project, 'token.metadata.changed'),
      await aWebhook(project, 'token.metadata.changed'),
    ];
    receiver.respond(slow.path, 'hangs');

    await change(project, '13');
    delivery.start();
    await vi.waitUntil(() => quick.received().length === 1, { timeout: 20_000, interval: 5 });
    expect(await deliveriesOf(slow.id)).toEqual([]);
    await vi.waitUntil(async () => (await deliveriesOf(slow.id)).length === 1, { timeout: 20_000, interval: 20 });
    await delivery.stop();

    expect(await deliveriesOf(slow.id)).toEqual([{ attempt: 1, status: null, reason: 'timeout' }]);
  });

  it('a webhook receiver that redirects is not followed', async () => {
    const project = await test.aProject({ tokens: ['14'] });
    const webhook = await aWebhook(project, 'token.metadata.changed');
    receiver.respond(webhook.path, (response) => response.writeHead(307, { location: '/elsewhere' }).end());

    await change(project, '14');
    await delivery.runOnce();

    expect(await deliveriesOf(webhook.id)).toEqual([{ attempt: 1, status: 307, reason: 'status_307' }]);
    expect(receiver.at('/elsewhere')).toEqual([]);
  });

  it('a webhook receiver whose response never ends is read for a few kilobytes, and its 200 counts', async () => {
    const project = await test.aProject({ tokens: ['15'] });
    const webhook = await aWebhook(project, 'token.metadata.changed');
    let isClosed = false;
    receiver.respond(webhook.path, (response) => {
      response.on('close', () => (isClosed = true)).writeHead(200);
      const write = () => {
        while (!isClosed && response.write('x'.repeat(1024)));
        if (!isClosed) response.once('drain', write);
      };
      write();
    });

    await change(project, '15');
    await delivery.runOnce();
    await vi.waitUntil(() => isClosed, { timeout: 10_000, interval: 5 });

    expect(await deliveriesOf(webhook.id)).toEqual([{ attempt: 1, status: 200, reason: null }]);
  });

  it('a webhook receiver that responds with 410 is disabled until an operator enables it again', async () => {
    const project = await test.aProject({ tokens: ['16'] });
    const webhook = await aWebhook(project, 'token.metadata.changed');
    receiver.respond(webhook.path, 410, 204);

    await change(project, '16');
    await delivery.runOnce();
    await test.database.advance(86_400);
    await delivery.runOnce();
    expect(webhook.received()).toHaveLength(1);
    expect(await webhooks.list(project.id)).toMatchObject([
      { disabledReason: 'gone', disabledAt: expect.any(Date) as Date, failures: 1, lastError: 'status_410' },
    ]);

    await webhooks.enable(webhook.id);
    await delivery.runOnce();
    expect(tokensOf(webhook.received())).toEqual(['16', '16']);
    expect(await webhooks.list(project.id)).toMatchObject([
      { disabledReason: null, disabledAt: null, lastError: null },
    ]);
  });

  it('a webhook receiver that fails for five days is disabled, and an operator can enable it without its backlog', async () => {
    const project = await test.aProject({ tokens: ['17'] });
    const webhook = await aWebhook(project, 'token.metadata.changed');
    receiver.respond(webhook.path, 500);
    await change(project, '17');

    const isDisabled = async () => (await webhooks.list(project.id))[0]!.disabledReason === 'failing';
    let seconds = 0;
    for (; !(await isDisabled()); seconds += 43_200) {
      await delivery.runOnce();
      await test.database.advance(43_200);
    }

    expect(seconds).toBeGreaterThan(5 * 86_400);
    expect(seconds).toBeLessThanOrEqual(6 * 86_400);
    expect(await webhooks.list(project.id)).toMatchObject([{ lastError: 'status_500' }]);
    await webhooks.enable(webhook.id, { skipBacklog: true });
    receiver.respond(webhook.path, 204);
    const before = webhook.received().length;
    await delivery.runOnce();
    expect(webhook.received()).toHaveLength(before);
  });
});

describe('secrets of webhooks', () => {
  it('a webhook secret that is rotated stays valid for a day besides the new one', async () => {
    const project = await test.aProject({ tokens: ['20'] });
    const webhook = await aWebhook(project, 'token.metadata.changed');
    const old = new StandardWebhook(webhook.secret);

    const secret = new StandardWebhook(await webhooks.rotateSecret(webhook.id));
    await change(project, '20');
    await delivery.runOnce();
    await test.database.advance(86_400 + 60);
    await change(project, '20');
    await delivery.runOnce();

    const [during, after] = webhook.received();
    expect(during!.headers['webhook-signature']!.split(' ')).toHaveLength(2);
    for (const one of [old, secret]) expect(one.verify(during!.body, during!.headers)).toHaveProperty('data.changes');
    expect(secret.verify(after!.body, after!.headers)).toHaveProperty('data.changes');
    expect(() => old.verify(after!.body, after!.headers)).toThrow();
  });

  it('a webhook secret that has leaked is invalid from the next message on', async () => {
    const project = await test.aProject({ tokens: ['21'] });
    const webhook = await aWebhook(project, 'token.metadata.changed');

    const secret = new StandardWebhook(await webhooks.rotateSecret(webhook.id, 0));
    await change(project, '21');
    await delivery.runOnce();

    const [{ body, headers }] = webhook.received() as [ReceivedMessage];
    expect(() => new StandardWebhook(webhook.secret).verify(body, headers)).toThrow();
    expect(secret.verify(body, headers)).toMatchObject({ type: 'token.metadata.changed' });
  });
});

describe('addresses of webhooks', () => {
  it.each([
    ['http://127.0.0.1:9/hook', 'blocked_address'],
    ['https://169.254.169.254/latest', 'blocked_address'],
    ['https://intranet.local/hook', 'blocked_address'],
    ['https://partner.example:8443/hook', 'blocked_port'],
    ['http://partner.example/hook', 'unsupported_scheme'],
    ['https://user:word@partner.example/hook', 'invalid_uri'],
    ['ftp://partner.example/hook', 'unsupported_scheme'],
  ])('a webhook address of %s is refused when the webhook is added: %s', async (url, reason) => {
    await expect(webhooks.add({ projectId: 'p', url })).rejects.toThrow(InvalidWebhook);
    await expect(webhooks.add({ projectId: 'p', url })).rejects.toThrow(reason);
  });

  it('a webhook address that resolves to a private address is not dialled', async () => {
    const project = await test.aProject({ tokens: ['30'] });
    const webhook = await aWebhook(project, 'token.metadata.changed');
    const port = receiver.host.split(':')[1];
    await test.database.query('update nft_metadata.webhooks set url = $1 where id = $2', [
      `http://[::ffff:127.0.0.1]:${port}${webhook.path}`,
      webhook.id,
    ]);

    await change(project, '30');
    await delivery.runOnce();

    expect(webhook.received()).toEqual([]);
    expect(await deliveriesOf(webhook.id)).toEqual([{ attempt: 1, status: null, reason: 'blocked_address' }]);
  });
});

describe('two delivering processes', () => {
  it('two delivering processes send each webhook message once', async () => {
    const tokens = Array.from({ length: 30 }, (_, index) => String(7000 + index));
    const project = await test.aProject({ tokens });
    const webhook = await aWebhook(project, 'token.metadata.changed');
    const both = [delivery, (await test.anotherProcess()).get(EventDelivery)];
    for (const one of both) one.start();

    for (let at = 0; at < tokens.length; at += 3) await change(project, ...tokens.slice(at, at + 3));
    await vi.waitUntil(
      () => {
        for (const one of both) one.wake();
        return tokensOf(webhook.received()).length >= tokens.length;
      },
      { timeout: 20_000, interval: 20 },
    );
    for (const one of both) await one.stop();

    expect(tokensOf(webhook.received()).toSorted()).toEqual(tokens);
  });

  it('two delivering processes continue when one stops in the middle of a message: the other one sends it again at once', async () => {
    const project = await test.aProject({ tokens: ['40'] });
    const webhook = await aWebhook(project, 'token.metadata.changed');
    receiver.respond(webhook.path, 'hangs', 204);
    await change(project, '40');
    delivery.start();
    await vi.waitUntil(() => webhook.received().length === 1, { timeout: 20_000, interval: 5 });

    await delivery.stop();
    await (await test.anotherProcess()).get(EventDelivery).runOnce();

    expect(tokensOf(webhook.received())).toEqual(['40', '40']);
    expect(await deliveriesOf(webhook.id)).toEqual([{ attempt: 1, status: 204, reason: null }]);
  });
});

describe('one delivering process', () => {
  const start = () => {
    const hosts = { host: `${test.metadataApi.host},${receiver.host}` };
    return startServiceProcess({ database: test.database, metadataApi: hosts }, 'worker');
  };

  it('a delivering process that is killed between commit and delivery loses no event', async () => {
    const project = await test.aProject({ tokens: ['41'] });
    const webhook = await aWebhook(project);
    const publishing = new Client({ connectionString: test.database.url });
    await publishing.connect();
    await publishing.query('begin; select from nft_metadata.event_stream for update');
    const worker = await start();
    test.metadataApi.respond('41', 200, { name: 'Forty-one' });

    await requestRefresh(test.app, project, ['41']);
    await vi.waitUntil(() => isCompleted(project), { timeout: 20_000, interval: 20 });
    await worker.end('SIGKILL');
    await publishing.end();
    expect(webhook.received()).toEqual([]);
    const successor = await start();
    await vi.waitUntil(() => webhook.received().length === 2, { timeout: 20_000, interval: 20 });

    expect(await successor.end('SIGTERM')).toMatchObject({ status: 0 });
    expect(tokensOf(webhook.received())).toEqual(['41']);
  });

  it('a delivering process that is killed in the middle of a message is replaced by another one when its lease expires', async () => {
    const project = await test.aProject({ tokens: ['42'] });
    const webhook = await aWebhook(project, 'token.metadata.changed');
    receiver.respond(webhook.path, 'hangs', 204);
    await change(project, '42');
    const worker = await start();
    await vi.waitUntil(() => webhook.received().length === 1, { timeout: 20_000, interval: 5 });

    await worker.end('SIGKILL');
    await delivery.runOnce();
    expect(webhook.received()).toHaveLength(1);
    await test.database.advance(31);
    await delivery.runOnce();

    const [first, second] = webhook.received();
    expect(second).toMatchObject({ body: first!.body, headers: { 'webhook-id': first!.headers['webhook-id'] } });
  });
});

async function isCompleted({ id }: TestProject): Promise<boolean> {
  const rows = await test.database.query(
    'select from nft_metadata.refreshes where project_id = $1 and completed_at is not null',
    [id],
  );
  return rows.length === 1;
}

it('an event consumer receives its events whatever webhooks do', async () => {
  const project = await test.aProject({ tokens: ['50'] });
  const webhook = await aWebhook(project, 'token.metadata.changed');
  receiver.respond(webhook.path, 500);
  const told: string[] = [];
  test.app.get(MetadataEvents).on('token.metadata.changed', 'search', (changes) => {
    told.push(...changes.map(({ tokenId }) => tokenId));
  });
  await delivery.runOnce();

  await change(project, '50');
  await delivery.runOnce();

  expect(told).toEqual(['50']);
});

it('a webhook that is removed receives nothing more', async () => {
  const project = await test.aProject({ tokens: ['60'] });
  const webhook = await aWebhook(project);

  await webhooks.remove(webhook.id);
  await change(project, '60');
  await delivery.runOnce();

  expect(webhook.received()).toEqual([]);
  expect(await webhooks.list(project.id)).toEqual([]);
  await expect(webhooks.remove(webhook.id)).rejects.toThrow(/does not exist/);
});

it('the retention keeps webhook deliveries for two weeks', async () => {
  await test.database.advance(14 * 86_400 + 60);
  const [{ count } = { count: 0 }] = await test.database.query<{ count: number }>(
    'select count(*)::int as count from nft_metadata.webhook_deliveries',
  );

  expect(await test.app.get(EventRetention).deleteExpired()).toMatchObject({ deliveries: count });
  expect(count).toBeGreaterThan(0);
});
