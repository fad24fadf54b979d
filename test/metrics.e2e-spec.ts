import { readFileSync } from 'node:fs';
import { EventDelivery, MetadataEvents, Webhooks } from '@app/metadata-events';
import { QueueStatusReader, RefreshWorker, WorkerMetrics } from '@app/metadata-refresh';
import { MetadataHost } from '@app/testing';
import { scrape, type Scrape } from './support/metrics.js';
import { http, requestRefresh } from './support/project-api.js';
import { control } from './support/refresh-control.js';
import { startApp, type TestApp, type TestProject } from './support/start-app.js';
import { captureStatements, explainLargestStep } from './support/statements.js';
import { ids } from './support/token-ids.js';
import { WebhookReceiver } from './support/webhook-receiver.js';

const ON_IPFS = 'ipfs://QmeqeBpsYTuJL8AZhY9fGBeTj9QuvMVqaZeRWFnjA24QEE/{id}';

const SOON = { timeout: 20_000 };

let test: TestApp;
let receiver: WebhookReceiver;
let gateway: MetadataHost;
beforeAll(async () => {
  receiver = await WebhookReceiver.start();
  gateway = await MetadataHost.start();
  test = await startApp({ metadataFetch: { ipfsGateways: [gateway.url] } }, { otherHosts: [receiver, gateway] });
});
afterAll(async () => {
  await test.stop();
  await receiver.close();
  await gateway.close();
});
afterEach(async () => {
  test.metadataApi.releaseHeld();
  test.metadataApi.forgetScripts();
  await test.database.unfreezeTime();
  await test.database.query('delete from nft_metadata.refreshes');
  await test.database.query('delete from nft_metadata.metadata_hosts');
});

/** How much a value has grown since an earlier response. */
function growth(before: Scrape, after: Scrape, name: string, labels: Record<string, string> = {}): number {
  return (after.find(name, labels) ?? 0) - (before.find(name, labels) ?? 0);
}

/** Moves the database's time while nothing else does. */
async function wait(seconds: number): Promise<void> {
  await test.database.freezeTime();
  await test.database.advance(seconds);
}

/** Works until nothing is due. undefined: without an error. */
function run(): Promise<unknown> {
  return test.worker.runOnce().catch((error: unknown) => error);
}

/** At least so many seconds, and a few more on a busy machine. */
function expectAbout(value: number | undefined, seconds: number): void {
  expect(value).toBeGreaterThanOrEqual(seconds);
  expect(value).toBeLessThan(seconds + 15);
}

describe('what a process has done', () => {
  it('the metrics measure requests to metadata hosts and their responses, by class of the host', async () => {
    const project = await test.aProject({ tokens: ids(3) });
    test.metadataApi.respond('1', 200, { name: 'x'.repeat(2000) }).respond('2', 404, 'no');
    const onIpfs = await test.aProject({ tokens: ['7'], metadataUrl: ON_IPFS });
    const before = await scrape(test.app);

    await requestRefresh(test.app, project, ids(3));
    await requestRefresh(test.app, onIpfs, ['7']);
    await test.worker.runOnce();

    const after = await scrape(test.app);
    const grown = (name: string, labels: Record<string, string>) => growth(before, after, name, labels);
    expect(grown('nft_refresh_metadata_request_duration_seconds_count', { class: 'http' })).toBe(3);
    expect(grown('nft_refresh_metadata_request_duration_seconds_bucket', { class: 'http', le: '+Inf' })).toBe(3);
    expect(grown('nft_refresh_metadata_request_duration_seconds_count', { class: 'ipfs' })).toBe(1);
    expect(grown('nft_refresh_metadata_response_bytes_bucket', { class: 'http', le: '1024' })).toBe(2);
    expect(grown('nft_refresh_metadata_response_bytes_bucket', { class: 'http', le: '4096' })).toBe(3);
    expect(grown('nft_refresh_metadata_response_bytes_sum', { class: 'http' })).toBeGreaterThan(2000);
  });

  it('the metrics measure how long refreshes took, by their size, without those that were cancelled', async () => {
    const project = await test.aProject({ tokens: ids(20) });
    const before = await scrape(test.app);

    await requestRefresh(test.app, project, ['1']);
    await requestRefresh(test.app, project, ids(20));
    await wait(40);
    await test.worker.runOnce();
    const cancelled = await requestRefresh(test.app, project, ['2']);
    await control(test.app, project, cancelled, 'cancel').expect(202);
    await test.worker.runOnce();

    const after = await scrape(test.app);
    const grown = (suffix: string, labels: Record<string, string>) =>
      growth(before, after, `nft_refresh_duration_seconds_${suffix}`, labels);
    expect(grown('count', {})).toBe(2);
    expect(grown('count', { size: 'interactive' })).toBe(1);
    expect(grown('bucket', { size: 'small', le: '30' })).toBe(0);
    expect(grown('bucket', { size: 'small', le: '60' })).toBe(1);
    expectAbout(grown('sum', { size: 'interactive' }), 40);
  });

  it('the metrics measure claims and completions: how long they took, and how many tokens they had', async () => {
    const project = await test.aProject({ tokens: ids(30) });
    const before = await scrape(test.app);

    await requestRefresh(test.app, project, ids(30));
    await test.worker.runOnce();

    const after = await scrape(test.app);
    expect(growth(before, after, 'nft_refresh_claim_duration_seconds_count', { kind: 'any' })).toBeGreaterThan(0);
    expect(growth(before, after, 'nft_refresh_claim_tokens_sum')).toBe(30);
    expect(growth(before, after, 'nft_refresh_completion_duration_seconds_count', { kind: 'bulk' })).toBeGreaterThan(0);
    expect(growth(before, after, 'nft_refresh_completion_results_sum', { kind: 'bulk' })).toBe(30);
    expect(growth(before, after, 'nft_refresh_completion_results_sum', { kind: 'interactive' })).toBe(0);
  });

  it('the metrics count lost claims where they are claimed again, and the results that come too late where they are dropped', async () => {
    const project = await test.aProject({ tokens: ids(12) });
    await requestRefresh(test.app, project, ids(12));
    const before = await scrape(test.app);
    test.metadataApi.hold();
    const late = test.worker.runOnce();
    await vi.waitUntil(() => test.metadataApi.heldCount > 0, SOON);
    const other = await test.anotherProcess();
    await test.database.advance(31);

    const again = other.get(RefreshWorker).runOnce();
    const lostTokens = () => other.get(WorkerMetrics).read().lostTokens;
    await vi.waitUntil(() => lostTokens() > 0, SOON);
    test.metadataApi.releaseHeld();
    await Promise.all([late, again]);

    const after = await scrape(test.app);
    expect(lostTokens()).toBe(12);
    expect(growth(before, after, 'nft_refresh_dropped_results_total')).toBe(12);
  });

  it('the metrics of a process count the lost claims of others that it takes over', async () => {
    const project = await test.aProject({ tokens: ids(12) });
    await requestRefresh(test.app, project, ids(12));
    test.metadataApi.hold();
    const late = (await test.anotherProcess()).get(RefreshWorker).runOnce();
    await vi.waitUntil(() => test.metadataApi.heldCount > 0, SOON);
    const before = await scrape(test.app);
    await test.database.advance(31);

    const again = test.worker.runOnce();
    const lost = async () => growth(before, await scrape(test.app), 'nft_refresh_lost_claims_total');
    await vi.waitUntil(async () => (await lost()) > 0, SOON);
    test.metadataApi.releaseHeld();
    await Promise.all([late, again]);

    expect(await lost()).toBe(12);
  });

  it.each([
    ['claim', 'lanes'],
    ['completion', 'refresh_results'],
  ])('the metrics count the errors that a %s meets in the database', async (operation, table) => {
    const project = await test.aProject({ tokens: ['1'] });
    const refreshId = await requestRefresh(test.app, project, ['1']);
    const before = await scrape(test.app);

    await test.database.query(`alter table nft_metadata.${table} rename to moved_away`);
    const error = await run();
    await test.database.query(`alter table nft_metadata.moved_away rename to ${table}`);
    const after = await scrape(test.app);
    await vi.waitUntil(async () => (await run()) === undefined, SOON);

    expect(String(error)).toContain(table);
    expect(growth(before, after, 'nft_refresh_database_errors_total', { operation })).toBeGreaterThan(0);
    expect(growth(before, after, 'nft_refresh_database_errors_total')).toBe(
      growth(before, after, 'nft_refresh_database_errors_total', { operation }),
    );
    expect((await control(test.app, project, refreshId, 'cancel')).status).toBe(409);
  });

  it('the metrics count the errors that a heartbeat meets in the database', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    await requestRefresh(test.app, project, ['1']);
    const before = await scrape(test.app);
    const errors = async (labels = {}) =>
      growth(before, await scrape(test.app), 'nft_refresh_database_errors_total', labels);
    test.metadataApi.hold();
    const failed = run();
    await vi.waitUntil(() => test.metadataApi.heldCount > 0, SOON);

    await test.database.query('alter table nft_metadata.host_workers rename to moved_away');
    await vi.waitUntil(async () => (await errors({ operation: 'heartbeat' })) > 0, SOON);
    await test.database.query('alter table nft_metadata.moved_away rename to host_workers');
    test.metadataApi.releaseHeld();
    const others = (await errors()) - (await errors({ operation: 'heartbeat' }));
    await vi.waitUntil(async () => (await run()) === undefined, SOON);

    expect(String(await failed)).toContain('host_workers');
    expect(others).toBe(0);
  });

  it('the metrics count cooldowns that began, by class of the host, and show which hosts are in cooldown', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    test.metadataApi.respond('1', 429, '', { 'retry-after': '50' });
    const before = await scrape(test.app);

    await requestRefresh(test.app, project, ['1']);
    await test.worker.runOnce();
    const after = await scrape(test.app);
    await test.database.advance(51);
    const later = await scrape(test.app);

    expect(growth(before, after, 'nft_refresh_cooldowns_total', { class: 'http' })).toBe(1);
    expect(after.find('nft_refresh_hosts_in_cooldown')).toBe(1);
    const seconds = after.find('nft_refresh_host_cooldown_seconds', { host: test.metadataApi.host })!;
    expect(seconds).toBeGreaterThan(40);
    expect(seconds).toBeLessThanOrEqual(50);
    expect(later.find('nft_refresh_hosts_in_cooldown')).toBe(0);
    expect(later.find('nft_refresh_host_cooldown_seconds')).toBeUndefined();
  });

  it('the metrics show how many database connections the process has, and of how many', async () => {
    const served = await scrape(test.app);

    expect(served.find('nft_refresh_pool_max_connections')).toBe(10);
    expect(served.find('nft_refresh_pool_connections')).toBeGreaterThan(0);
    expect(served.find('nft_refresh_pool_connections')).toBeLessThanOrEqual(10);
    expect(served.find('nft_refresh_pool_waiting')).toBe(0);
  });
});

describe('the queue', () => {
  const ofLane = ({ id: project }: TestProject) => ({ project, host: test.metadataApi.host });

  it('the metrics show how many tokens of each project and host wait, are claimed and are paused', async () => {
    const project = await test.aProject({ tokens: ids(30) });
    const paused = await requestRefresh(test.app, project, ids(10));
    await control(test.app, project, paused, 'pause').expect(202);
    await requestRefresh(test.app, project, ids(30));
    const tokens = async () => {
      const served = await scrape(test.app);
      return ['waiting', 'claimed', 'paused'].map((state) =>
        served.find('nft_refresh_queue_tokens', { ...ofLane(project), state }),
      );
    };
    const before = await tokens();
    test.metadataApi.hold();
    const round = test.worker.runOnce();
    await vi.waitUntil(() => test.metadataApi.heldCount > 0, SOON);
    const [waiting, claimed] = await tokens();
    test.metadataApi.releaseHeld();
    await round;
    const after = await tokens();

    expect(before).toEqual([30, 0, 10]);
    expect(claimed).toBeGreaterThan(0);
    expect(waiting! + claimed!).toBe(30);
    expect(after).toEqual([0, 0, 10]);
  });

  it('the metrics show for how long the oldest tokens of each project and host are due, and for how long nobody has claimed any', async () => {
    const project = await test.aProject({ tokens: ids(1) });
    const idle = await scrape(test.app);
    await requestRefresh(test.app, project, ['1']);
    await wait(100);
    const late = await scrape(test.app);
    // A worker is at work on this lane, and has not come to all of its tokens.
    await test.database.query('update nft_metadata.lanes set served_at = $1', [
      new Date((await databaseTime()) - 30_000),
    ]);
    const served = await scrape(test.app);
    await test.worker.runOnce();
    const done = await scrape(test.app);

    const read = (from: Scrape, name: string) => from.find(`nft_refresh_queue_${name}_seconds`, ofLane(project));
    for (const name of ['oldest_due', 'unserved']) {
      expect([idle, done].map((from) => read(from, name))).toEqual([undefined, undefined]);
      expectAbout(read(late, name), 100);
    }
    expectAbout(read(served, 'oldest_due'), 100);
    expectAbout(read(served, 'unserved'), 30);
    expectAbout(late.find('nft_refresh_queue_interactive_due_seconds'), 100);
    expect([late, done].map((from) => from.find('nft_refresh_pending_refreshes'))).toEqual([1, 0]);
  });

  it('tokens that are due later are not counted as late, nor are interactive ones whose host is in cooldown', async () => {
    const project = await test.aProject({ tokens: ids(2) });
    test.metadataApi.respond('1', 429, '', { 'retry-after': '50' });
    await requestRefresh(test.app, project, ['1']);
    await test.worker.runOnce();
    await requestRefresh(test.app, project, ['2']);
    await wait(20);

    const served = await scrape(test.app);

    expectAbout(served.find('nft_refresh_queue_oldest_due_seconds', ofLane(project)), 20);
    expect(served.find('nft_refresh_queue_interactive_due_seconds')).toBe(0);
  });

  it('however many projects and hosts there are, 50 have series of their own: those that were not served for the longest time', async () => {
    await fillQueue({ lanes: 80, tokensEach: 10 });
    await test.database.query(`update nft_metadata.refresh_chunks set due_at = now() - lane_id * interval '1 second'`);

    const served = await scrape(test.app);

    const named = served.samples.filter(({ name }) => name === 'nft_refresh_queue_unserved_seconds');
    expect(named).toHaveLength(51);
    expect(named.at(-1)!.labels).toEqual({ project: 'other', host: 'other' });
    const seconds = named.map(({ value }) => value);
    expect(Math.min(...seconds.slice(0, 50))).toBeGreaterThan(seconds.at(-1)!);
    expect(served.find('nft_refresh_queue_tokens', { project: 'other', state: 'waiting' })).toBe(300);
    expect(served.find('nft_refresh_queue_tokens', { state: 'waiting' })).toBe(800);
    expect(served.find('nft_refresh_queue_lanes')).toBe(80);
  });

  it('the state of a queue with 100,000 tokens is read from few rows', async () => {
    await fillQueue({ lanes: 4, tokensEach: 25_600 });
    await test.database.query('analyze nft_metadata.refresh_chunks, nft_metadata.refreshes, nft_metadata.lanes');

    const statements = await captureStatements(() => test.app.get(QueueStatusReader).read(50));

    expect(statements).toHaveLength(3);
    expect(await explainLargestStep(test.database.url, statements)).toBeLessThan(100);
  });

  /** Refreshes that nobody works on, each in a lane of its own. */
  async function fillQueue({ lanes, tokensEach }: { lanes: number; tokensEach: number }): Promise<void> {
    const project = await test.aProject();
    await test.database.query(
      `with refresh as (
         insert into nft_metadata.refreshes (id, project_id, collection_id, collection_address, source, total, created_at)
         select gen_random_uuid(), 'filled-' || number, $1, $2, '{}', $4::int, now() from generate_series(1, $3::int) as number
         returning id, project_id
       ), lane as (
         insert into nft_metadata.lanes (project_id, host)
         select project_id, project_id || '.example' from refresh
         on conflict (project_id, host) do update set served_at = '-infinity'
         returning id, project_id
       )
       insert into nft_metadata.refresh_chunks (refresh_id, lane_id, priority, due_at, token_ids)
       select refresh.id, lane.id, 2, now(), array(
         select id::numeric from generate_series(first, least(first + 127, $4::int)) as id
       )
       from refresh join lane using (project_id) cross join generate_series(1, $4::int, 128) as first`,
      [project.collectionId, project.collectionAddress, lanes, tokensEach],
    );
  }

  async function databaseTime(): Promise<number> {
    const [row] = await test.database.query<{ now: Date }>('select test_clock.now() as now');
    return row!.now.getTime();
  }
});

describe('events', () => {
  it('the metrics show what is not published, how far webhooks and consumers are behind, and what webhooks responded', async () => {
    const delivery = test.app.get(EventDelivery);
    const project = await test.aProject({ tokens: ids(3) });
    receiver.respond('/hook', 500, 204);
    let fails = true;
    test.app.get(MetadataEvents).on('token.metadata.changed', 'metrics', () => {
      if (fails) throw new Error('not now');
    });
    await delivery.runOnce();
    await test.app.get(Webhooks).add({ projectId: project.id, url: receiver.url('/hook') });
    const before = await scrape(test.app);

    await requestRefresh(test.app, project, ids(3));
    await test.worker.runOnce();
    await wait(60);
    const unpublished = await scrape(test.app);
    await delivery.runOnce();
    const failing = await scrape(test.app);
    fails = false;
    await test.database.advance(3600);
    await delivery.runOnce();
    const delivered = await scrape(test.app);

    expect(before.find('nft_refresh_outbox_unpublished')).toBe(0);
    expect(unpublished.find('nft_refresh_outbox_unpublished')).toBe(1);
    expectAbout(unpublished.find('nft_refresh_outbox_unpublished_seconds'), 60);
    expect(failing.find('nft_refresh_outbox_unpublished')).toBe(0);
    for (const kind of ['consumer', 'webhook']) {
      expect(failing.find('nft_refresh_event_readers_failing', { kind })).toBe(1);
      expect(failing.find('nft_refresh_event_lag_rows', { kind })).toBe(1);
      expectAbout(failing.find('nft_refresh_event_lag_seconds', { kind }), 60);
      expect(delivered.find('nft_refresh_event_readers', { kind })).toBe(1);
      expect(delivered.find('nft_refresh_event_readers_failing', { kind })).toBe(0);
      expect(delivered.find('nft_refresh_event_lag_rows', { kind })).toBe(0);
      expect(delivered.find('nft_refresh_event_lag_seconds', { kind })).toBe(0);
    }
    const messages = (labels: Record<string, string>) =>
      growth(before, delivered, 'nft_refresh_webhook_messages_total', labels);
    expect(messages({ outcome: 'failed', reason: 'status_500' })).toBe(1);
    expect(messages({ outcome: 'accepted', reason: '' })).toBeGreaterThan(0);
  });

  it('the metrics count disabled webhooks, which are not behind any more', async () => {
    const delivery = test.app.get(EventDelivery);
    const project = await test.aProject({ tokens: ['1'] });
    receiver.respond('/gone', 410);
    await test.app.get(Webhooks).add({ projectId: project.id, url: receiver.url('/gone') });
    const before = await scrape(test.app);
    await requestRefresh(test.app, project, ['1']);
    await test.worker.runOnce();
    await delivery.runOnce();
    await test.database.advance(3600);

    const after = await scrape(test.app);

    expect(growth(before, after, 'nft_refresh_webhooks_disabled_total', { reason: 'gone' })).toBe(1);
    expect(after.find('nft_refresh_event_lag_rows', { kind: 'webhook' })).toBe(0);
  });
});

it('every metric that is served is in docs/reference/metrics.md, and every metric there is served', async () => {
  const page = readFileSync(new URL('../docs/reference/metrics.md', import.meta.url), 'utf8');
  const served = [...(await scrape(test.app)).types.keys()].filter((name) => name.startsWith('nft_refresh_'));

  expect([...new Set(page.match(/\bnft_refresh_\w+/g))].toSorted()).toEqual(served.toSorted());
});

it('while the database is away, the metrics say so, and those of the process are served', async () => {
  await test.database.refuseConnections();
  const away = await scrape(test.app);
  await test.database.acceptConnections();
  await vi.waitUntil(async () => (await http(test.app).get('/health/ready')).status === 200, SOON);
  const back = await scrape(test.app);

  expect([away, back].map((served) => served.find('nft_refresh_database_up'))).toEqual([0, 1]);
  expect([away, back].map((served) => served.find('nft_refresh_pending_refreshes'))).toEqual([undefined, 0]);
  expect(away.find('process_start_time_seconds')).toBeGreaterThan(0);
});
