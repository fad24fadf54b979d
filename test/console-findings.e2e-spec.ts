import { ChainWatcher } from '@app/chain-events';
import { EventDelivery, MetadataEvents, Webhooks } from '@app/metadata-events';
import { RefreshRetention } from '@app/metadata-refresh';
import { Anvil } from '@app/testing';
import { overviewSchema, type Finding } from '../libs/console/src/wire/index.js';
import type { ConsoleVisitor } from './support/console.js';
import { startConsoleApp } from './support/console-app.js';
import { requestRefresh } from './support/project-api.js';
import { refreshOnce } from './support/refresh-steps.js';
import { RpcHost } from './support/rpc-host.js';
import type { TestApp } from './support/start-app.js';
import { captureStatements, explainReads } from './support/statements.js';
import { aWatchedCollection } from './support/watched-collection.js';
import { WebhookReceiver } from './support/webhook-receiver.js';

let anvil: Anvil;
let node: RpcHost;
let receiver: WebhookReceiver;
let test: TestApp;
let operator: ConsoleVisitor;
beforeAll(async () => {
  anvil = await Anvil.start();
  node = await RpcHost.start(anvil);
  receiver = await WebhookReceiver.start();
});
afterAll(async () => {
  await receiver.close();
  await node.close();
  await anvil.stop();
});
beforeEach(async () => {
  ({ test, operator } = await startConsoleApp(
    { chainEvents: { enabled: true }, metadataFetch: { rpcUrls: { [anvil.chainId]: node.url } } },
    { otherHosts: [node, receiver] },
  ));
});
afterEach(() => test.stop());

type Kind = Finding['kind'];

async function readFindings(): Promise<Finding[]> {
  const overview = await operator.read('overview', overviewSchema);
  return overview.kind === 'operator' ? overview.findings : [];
}

/** The overview is the same for two seconds. */
const WITHIN = { timeout: 10_000, interval: 200 };
const isFound = (kind: Kind) =>
  vi.waitUntil(async () => (await readFindings()).find((finding) => finding.kind === kind), WITHIN);
const isGone = (kind: Kind) =>
  vi.waitUntil(async () => (await readFindings()).every((finding) => finding.kind !== kind), WITHIN);

/** As the heartbeats of a process elsewhere, which has no work. */
const aLivingWorker = () =>
  test.database.query(
    `insert into nft_metadata.refresh_workers (worker_id, name, version, started_at, last_heartbeat_at)
     values (gen_random_uuid(), 'elsewhere', '0', now(), now() + interval '1 day')`,
  );

/** Tokens that have been due for a time, of a lane that was served a time ago. */
async function aDueRefresh({ dueFor, servedBefore }: { dueFor: string; servedBefore: string }): Promise<string> {
  await aLivingWorker();
  const refreshId = await requestRefresh(test.app, await test.aProject({ tokens: ['1'] }), ['1']);
  await test.database.query('update nft_metadata.refresh_chunks set due_at = now() - $1::interval', [dueFor]);
  await test.database.query('update nft_metadata.lanes set served_at = now() - $1::interval', [servedBefore]);
  return refreshId;
}

it('nothing is found where nothing is wrong', async () => {
  await refreshOnce(test, await test.aProject({ tokens: ['1'] }), ['1']);
  await test.app.get(EventDelivery).runOnce();

  expect(await readFindings()).toEqual([]);
});

it('tokens that no worker takes are found, with their refresh', async () => {
  const refreshId = await aDueRefresh({ dueFor: '10 minutes', servedBefore: '10 minutes' });

  expect(await isFound('refresh_stuck')).toMatchObject({
    severity: 'bad',
    title: `Tokens of ${test.metadataApi.host} are due, and no worker takes them`,
    link: `refreshes/${refreshId}`,
  });
  await test.worker.runOnce();
  await isGone('refresh_stuck');
});

it('a small request that waits although workers work is found', async () => {
  await aDueRefresh({ dueFor: '2 minutes', servedBefore: '1 second' });

  expect(await isFound('interactive_slow')).toMatchObject({
    severity: 'warning',
    link: `hosts/${encodeURIComponent(test.metadataApi.host)}`,
  });
  await test.worker.runOnce();
  await isGone('interactive_slow');
});

it('tokens whose worker did not report back are found until they are fetched', async () => {
  await requestRefresh(test.app, await test.aProject({ tokens: ['1', '2'] }), ['1', '2']);
  await test.database.query('update nft_metadata.refresh_chunks set lost_count = 1');

  expect(await isFound('lost_claims')).toMatchObject({
    title: 'The worker of 2 tokens did not report back',
    link: 'workers',
  });
  await test.worker.runOnce();
  await isGone('lost_claims');
});

it('a host in a long cooldown is found until an operator ends it', async () => {
  const { metadataApi, database } = test;
  await requestRefresh(test.app, await test.aProject({ tokens: ['1'] }), ['1']);
  await database.query(
    `insert into nft_metadata.metadata_hosts as known (host, cooldown_until) values ($1, now() + interval '10 minutes')
     on conflict (host) do update set cooldown_until = excluded.cooldown_until`,
    [metadataApi.host],
  );
  await database.query(
    `insert into nft_metadata.host_cooldowns (host, started_at, until_at, reason)
     values ($1, now() - interval '6 minutes', now() + interval '10 minutes', 'status_429')`,
    [metadataApi.host],
  );

  const { title, advice } = await isFound('host_cooldown');
  expect(title).toBe(`${metadataApi.host} has asked for one pause after the other for more than five minutes`);
  expect(advice).toMatch(/requested again after \d\d:\d\d UTC/);
  await operator.post(`hosts/${encodeURIComponent(metadataApi.host)}/end-cooldown`).expect(200);
  await isGone('host_cooldown');
});

it('a host whose cooldowns follow each other is found, and one that was asked for a while between them is not', async () => {
  const { database } = test;
  for (const [host, secondsBetween] of [
    ['always.example', 3],
    ['sometimes.example', 60],
  ] as const) {
    await database.query(
      `insert into nft_metadata.metadata_hosts (host, cooldown_until) values ($1, now() + interval '1 minute')`,
      [host],
    );
    await database.query(
      `insert into nft_metadata.host_cooldowns (host, started_at, until_at, reason)
       select $1, start, start + interval '1 minute', 'status_429'
       from (select now() - past * (60 + $2::int) * interval '1 second' as start from generate_series(0, 9) as past) as one`,
      [host, secondsBetween],
    );
  }

  const found = (await readFindings()).filter(({ kind }) => kind === 'host_cooldown');

  expect(found.map(({ link }) => link)).toEqual(['hosts/always.example']);
  await database.query(`update nft_metadata.metadata_hosts set cooldown_until = '-infinity'`);
});

it('a reason that tripled is found, with its failures, until it is as rare as before', async () => {
  const minute = (reason: string, responses: number, before: string) =>
    test.database.query(
      `insert into nft_metadata.refresh_host_minutes (host, minute, outcome, responses, total_ms, durations)
       values ('api.example', date_trunc('minute', now()) - $3::interval, $1, $2, 100, '{1}')`,
      [reason, responses, before],
    );
  await minute('timeout', 120, '10 minutes');
  await minute('timeout', 30, '90 minutes');
  await minute('status_404', 120, '10 minutes');
  await minute('status_404', 100, '90 minutes');
  await minute('tls', 10, '10 minutes');

  expect(await isFound('reason_tripled')).toMatchObject({
    title: '120 requests failed with timeout in the last hour, and 30 in the hour before',
    advice: expect.stringMatching(
      /^Look at the hosts that it concerns\. Their owners read: “Your server .+\.”$/,
    ) as string,
    link: 'failures?since=1h&group=reason&reason=timeout',
  });
  expect((await readFindings()).filter(({ kind }) => kind === 'reason_tripled')).toHaveLength(1);
  await test.database.advance(3600);
  await isGone('reason_tripled');
});

it('a backlog that grows for two hours is found until it is worked off', async () => {
  await refreshOnce(test, await test.aProject({ tokens: ['1'] }), ['1']);
  await test.database.query(
    `insert into nft_metadata.refreshes
       (id, project_id, collection_id, collection_address, source, total, created_at)
     select gen_random_uuid(), project_id, collection_id, collection_address, source, 20000, now() - before
     from nft_metadata.refreshes cross join unnest(array[interval '10 minutes', interval '90 minutes']) as before`,
  );

  expect(await isFound('backlog_growing')).toMatchObject({
    title: 'More tokens are requested than fetched: 40,000 wait',
    link: 'hosts',
  });
  await test.database.query(
    'update nft_metadata.refreshes set succeeded = total, completed_at = now() where completed_at is null',
  );
  await isGone('backlog_growing');
});

it('a project that has used up its quota is found until its hour ends', async () => {
  const project = await test.aProject({ tokens: ['1', '2'], limits: { tokensPerHour: 2 } });
  await refreshOnce(test, project, ['1', '2']);

  expect(await isFound('quota_used_up')).toMatchObject({
    title: 'Studio has used up its quota of 2 tokens per hour',
    link: `projects/${project.id}`,
  });
  await test.database.advance(3601);
  await isGone('quota_used_up');
});

it('events that nobody publishes are found until a process delivers them', async () => {
  await refreshOnce(test, await test.aProject({ tokens: ['1'] }), ['1']);
  await test.database.advance(15);

  expect(await isFound('outbox_behind')).toMatchObject({ severity: 'bad', link: 'webhooks' });
  await test.app.get(EventDelivery).runOnce();
  await isGone('outbox_behind');
});

it('a webhook that fails for an hour is found, and goes when its receiver accepts again [K54]', async () => {
  const project = await test.aProject({ tokens: ['1'] });
  const delivery = test.app.get(EventDelivery);
  receiver.respond('/hook', 500);
  const { id } = await test.app.get(Webhooks).add({ projectId: project.id, url: receiver.url('/hook') });
  await refreshOnce(test, project, ['1']);
  await delivery.runOnce();
  await test.database.advance(3700);

  expect(await isFound('webhook_failing')).toMatchObject({
    title: `The webhook at ${receiver.host} has failed for more than an hour`,
    advice: 'Its events wait. Ask its owner to mend the receiver. The last time: status_500.',
    link: `webhooks/${id}`,
  });
  receiver.respond('/hook', 204);
  await delivery.runOnce();
  await isGone('webhook_failing');
});

it('a webhook that was disabled is found for a day, or until somebody enables it', async () => {
  const project = await test.aProject({ tokens: ['1'] });
  receiver.respond('/gone', 410);
  const { id } = await test.app.get(Webhooks).add({ projectId: project.id, url: receiver.url('/gone') });
  await refreshOnce(test, project, ['1']);
  await test.app.get(EventDelivery).runOnce();

  expect(await isFound('webhook_disabled')).toMatchObject({ severity: 'warning', link: `webhooks/${id}` });
  await operator.post(`webhooks/${id}/enable`, { skipBacklog: true }).expect(200);
  await isGone('webhook_disabled');
});

it('a consumer that fails for an hour is found until it handles its events', async () => {
  const delivery = test.app.get(EventDelivery);
  const index = { isFull: true };
  test.app.get(MetadataEvents).on('token.metadata.changed', 'search-index', () => {
    if (index.isFull) throw new Error('the index is full');
  });
  await delivery.runOnce();
  await refreshOnce(test, await test.aProject({ tokens: ['1'] }), ['1']);
  await delivery.runOnce();
  await test.database.advance(3700);

  expect(await isFound('consumer_failing')).toMatchObject({
    severity: 'bad',
    title: 'The consumer search-index/token.metadata.changed has failed for more than an hour',
    advice: 'Its events wait: mend its handler in the application. The last time: Error: the index is full.',
  });
  index.isFull = false;
  await delivery.runOnce();
  await isGone('consumer_failing');
});

it('a chain whose nodes cannot be read is found until one can', async () => {
  const watcher = test.app.get(ChainWatcher);
  await aWatchedCollection(test, anvil, await anvil.deploy('AnnouncedCards'), { tokens: ['1'] });
  node.misbehaveAlways({ status: 503 });
  await watcher.runOnce();
  await test.database.advance(400);

  expect(await isFound('chain_failing')).toMatchObject({
    title: `No node of chain ${anvil.chainId} can be read`,
    link: 'chain',
  });
  node.misbehaveAlways(undefined);
  await watcher.runOnce();
  await isGone('chain_failing');
});

it('refreshes that should have been deleted are found until they are', async () => {
  await refreshOnce(test, await test.aProject({ tokens: ['1'] }), ['1']);
  await test.database.query(
    `update nft_metadata.refreshes set created_at = now() - interval '1000 days', completed_at = now() - interval '999 days'`,
  );

  expect(await isFound('retention_behind')).toMatchObject({ severity: 'warning' });
  await test.app.get(RefreshRetention).deleteExpired();
  await isGone('retention_behind');
});

it('the worst is first', async () => {
  const project = await test.aProject({ tokens: ['1'], limits: { tokensPerHour: 1 } });
  await requestRefresh(test.app, project, ['1']);
  await test.database.advance(10);
  await isFound('no_worker');

  expect((await readFindings()).map(({ kind }) => kind)).toEqual(['no_worker', 'quota_used_up']);
});

it('an overview reads a bounded part of the queue and of the refreshes', async () => {
  const project = await test.aProject({ tokens: ['1'] });
  const refreshId = await refreshOnce(test, project, ['1']);
  await test.database.query(
    `insert into nft_metadata.refreshes
       (id, project_id, collection_id, collection_address, source, total, succeeded, failed, created_at, completed_at)
     select gen_random_uuid(), project_id, collection_id, collection_address, source, 1, 1, 0,
       now() - interval '1 day', now() - interval '1 day'
     from nft_metadata.refreshes cross join generate_series(1, 20000) where id = $1`,
    [refreshId],
  );
  await requestRefresh(test.app, project, ['1']);
  await test.database.query(
    `insert into nft_metadata.refresh_chunks (refresh_id, lane_id, priority, due_at, token_ids)
     select refresh_id, lane_id, 2, now(), array[index + 10]
     from nft_metadata.refresh_chunks cross join generate_series(1, 20000) as index`,
  );
  await test.database.query('analyze nft_metadata.refreshes, nft_metadata.refresh_chunks');

  const statements = await captureStatements(() => operator.get('overview').expect(200));
  const reads = await explainReads(test.database.url, statements);

  expect(reads.filter(({ table, rows }) => /^refresh(es|_chunks)$/.test(table) && rows > 100)).toEqual([]);
});
