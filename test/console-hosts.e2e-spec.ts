import {
  hostListSchema,
  hostSchema,
  limitsSchema,
  overviewSchema,
  workerListSchema,
} from '../libs/console/src/wire/index.js';
import { ConsoleVisitor, expectShape } from './support/console.js';
import { startConsoleApp } from './support/console-app.js';
import { untilListening } from './support/listening.js';
import { requestRefresh } from './support/project-api.js';
import { refreshOnce } from './support/refresh-steps.js';
import type { TestApp, TestProject } from './support/start-app.js';
import { ids } from './support/token-ids.js';

let test: TestApp;
let operator: ConsoleVisitor;
beforeEach(async () => {
  // Requests can be held for longer than by default.
  ({ test, operator } = await startConsoleApp({}, { variables: { FETCH_DEADLINE_MS: '11000' } }));
});
afterEach(() => test.stop());

const aPartner = (project: TestProject) => new ConsoleVisitor(test.app).withApiKey(project.apiKey);
const hostPath = () => `hosts/${encodeURIComponent(test.metadataApi.host)}`;
const readHost = async () => (await operator.read(hostPath(), hostSchema)).host;
async function readOverview() {
  const overview = await operator.read('overview', overviewSchema);
  if (overview.kind !== 'operator') throw new Error('This is the overview of a partner.');
  return overview;
}

it('a host shows how it responds, why tokens failed, who waits and why it is no faster [K51]', async () => {
  const project = await test.aProject({ tokens: ['1', '2', '3'] });
  test.metadataApi.respond('2', 404, '');
  await refreshOnce(test, project, ['1', '2']);
  await requestRefresh(test.app, project, ['3']);
  const path = `hosts/${encodeURIComponent(test.metadataApi.host)}`;

  const { host } = await operator.read(path, hostSchema);
  const { rows } = await operator.read('hosts', hostListSchema);
  const workers = await operator.read('workers', workerListSchema);

  expect(host).toMatchObject({
    host: test.metadataApi.host,
    state: 'good',
    concurrency: { limit: 8 },
    waiting: { count: 1, isMore: false },
    responses: 2,
    good: 0.5,
    others: null,
    minutes: [{ fetched: 1, failed: 1, refused: 0, notModified: 0 }],
    waits: [{ project: { name: 'Studio' }, upTo10: { count: 1, isMore: false }, larger: { count: 0 } }],
    failures: [{ reason: 'status_404', tokens: 1, title: 'Your server has no document for these tokens' }],
    actions: { endCooldown: false, setConcurrency: true },
  });
  expect(host.medianMs).toBeGreaterThan(0);
  expect(host.why[0]).toEqual({ value: '8', text: 'requests may be open: the default for a host', isInForce: true });
  expect(rows.map((row) => row.host)).toEqual([test.metadataApi.host]);
  expect(workers.rows).toMatchObject([
    { state: 'alive', name: expect.stringContaining(String(process.pid)) as string },
  ]);
  await operator.get('hosts/no-such-host').expect(404);
});

it('while three workers run, shares, use, limits and cooldowns of a host are those of the tables, and the reasons for its speed name them [K51]', async () => {
  const project = await test.aProject({ tokens: ids(1000) });
  test.metadataApi.respondSlowly(ids(1000), 100);
  const refreshId = await requestRefresh(test.app, project, ids(1000));
  const workers = [test.worker, await test.anotherWorker(), await test.anotherWorker()];
  const tables = () =>
    test.database.query<{ id: string; share: number; inUse: number }>(
      `select worker_id as id, share, in_flight as "inUse" from nft_metadata.host_workers order by joined_at, worker_id`,
    );
  const until = (isTrue: (rows: Awaited<ReturnType<typeof tables>>) => boolean) =>
    vi.waitUntil(
      async () => {
        for (const worker of workers) worker.wake();
        return isTrue(await tables());
      },
      { timeout: 40_000, interval: 50 },
    );

  for (const worker of workers) worker.start();
  await until((rows) => rows.map(({ share }) => share).join() === '3,3,2');
  // All requests that the host may get are open, and nothing ends one: the tables stand still.
  test.metadataApi.hold();
  await until((rows) => rows.map(({ inUse }) => inUse).join() === '3,3,2' && test.metadataApi.heldCount === 8);
  const busy = await readHost();

  expect(busy.workers.map(({ share }) => share)).toEqual([3, 3, 2]);
  expect(busy.workers.map(({ id, share, inUse: used }) => ({ id, share, inUse: used }))).toEqual(
    (await tables()).map(({ id, share, inUse: used }) => ({ id, share, inUse: used })),
  );
  expect(busy.concurrency).toEqual({ limit: 8, inForce: 8, inUse: 8 });
  // Workers save every few seconds how long responses take.
  const ofDuration = ({ medianMs }: typeof busy) =>
    medianMs === null ? [] : [[`${medianMs} ms`, 'is what half of the responses take', false]];
  expect(busy.why.map(({ value, text, isInForce }) => [value, text, isInForce])).toEqual([
    ['8', 'requests may be open: the default for a host', true],
    ...ofDuration(busy),
  ]);

  // The host asks for a pause: what is open ends, and nothing else begins.
  test.metadataApi.respondToHeld(1, { status: 429, body: '', headers: { 'retry-after': '600' } });
  await vi.waitUntil(async () => (await readHost()).cooldownUntil !== null, { timeout: 10_000, interval: 50 });
  test.metadataApi.releaseHeld();
  await vi.waitUntil(async () => !(await readHost()).concurrency.inUse, { timeout: 10_000, interval: 50 });
  const resting = await readHost();
  const text = (column: string) => `to_char(${column} at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;
  const cooldowns = await test.database.query<{ from: string; until: string; reason: string }>(
    `select ${text('started_at')} as "from", ${text('until_at')} as until, reason from nft_metadata.host_cooldowns`,
  );
  await Promise.all(workers.map((worker) => worker.stop()));

  expect(resting).toMatchObject({ state: 'resting', cooldownUntil: cooldowns[0]!.until, cooldowns });
  const { inForce: allowed } = resting.concurrency;
  expect(resting.why.map(({ value, isInForce }) => [value, isInForce])).toEqual([
    ['8', false],
    // null: the workers have left the host.
    ...(allowed === null || allowed === 8 ? [] : [[String(allowed), false]]),
    ...ofDuration(resting).map(([value, , isInForce]) => [value, isInForce]),
    ['0', true],
  ]);
  expect(resting.why.at(-1)!.text).toBe(`until ${resting.cooldownUntil}: the host has asked for it`);
  await operator.post(`refreshes/${refreshId}/cancel`).expect(200);
});

it('a host is requested as soon as an operator has ended its cooldown: the worker is told [K52]', async () => {
  const project = await test.aProject({ tokens: ['1'] });
  test.metadataApi.script(
    '1',
    { status: 429, body: '', headers: { 'retry-after': '600' } },
    { status: 200, body: { name: 'One' } },
  );
  await requestRefresh(test.app, project, ['1']);
  test.worker.start();
  await vi.waitUntil(async () => (await readHost()).cooldownUntil !== null, { timeout: 10_000, interval: 50 });
  // Never woken by the test: only a notification makes it claim before the cooldown would have ended.
  await untilListening(test);
  const requestsBefore = test.metadataApi.totalHits;

  await operator.post(`${hostPath()}/end-cooldown`).expect(200);
  await vi.waitUntil(() => test.metadataApi.totalHits > requestsBefore, { timeout: 10_000, interval: 20 });
  await test.worker.stop();

  expect(requestsBefore).toBe(1);
  expect(await readHost()).toMatchObject({ cooldownUntil: null, state: 'good' });
});

it('an operator ends a cooldown and limits a host, and a partner cannot [K52] [K23]', async () => {
  const project = await test.aProject({ tokens: ['1'] });
  test.metadataApi.script(
    '1',
    { status: 429, body: '', headers: { 'retry-after': '30' } },
    { status: 200, body: { name: 'One' } },
  );
  await refreshOnce(test, project, ['1']);
  const path = `hosts/${encodeURIComponent(test.metadataApi.host)}`;
  const partner = await aPartner(project);

  const { host } = await operator.read(path, hostSchema);
  await partner.post(`${path}/end-cooldown`).expect(404);
  await partner.put(`${path}/concurrency`, { limit: 1 }).expect(404);
  const ended = expectShape(hostSchema, await operator.post(`${path}/end-cooldown`));
  const limited = expectShape(hostSchema, await operator.put(`${path}/concurrency`, { limit: 3 }));

  expect(host).toMatchObject({
    state: 'resting',
    cooldowns: [{ reason: 'status_429' }],
    actions: { endCooldown: true },
  });
  expect(host.why.at(-1)).toMatchObject({ value: '0', isInForce: true });
  expect(ended.host.cooldownUntil).toBeNull();
  expect(limited.host).toMatchObject({ ownLimit: 3, concurrency: { limit: 3 } });
  await operator.put(`${path}/concurrency`, { limit: 0 }).expect(400);
  const logged = await test.database.query('select who, action, outcome from nft_metadata.console_actions order by id');
  expect(logged).toEqual([
    { who: 'Studio', action: 'host.end-cooldown', outcome: 'not_found' },
    { who: 'Studio', action: 'host.set-concurrency 1', outcome: 'not_found' },
    { who: 'Mira', action: 'host.end-cooldown', outcome: 'done' },
    { who: 'Mira', action: 'host.set-concurrency 3', outcome: 'done' },
    { who: 'Mira', action: 'host.set-concurrency', outcome: 'invalid_request' },
  ]);
  const { actions } = await readOverview();
  expect(actions[1]).toMatchObject({ action: 'host.set-concurrency 3', link: path });
});

it('a list of more hosts than it shows begins with those that need attention, and tells how many there are', async () => {
  const project = await test.aProject({ tokens: ['1'] });
  await test.database.query(
    `with known as (
       insert into nft_metadata.lanes (project_id, host)
       select $1, 'api-' || lpad(index::text, 3, '0') || '.example' from generate_series(1, 250) as index
       returning host
     )
     insert into nft_metadata.refresh_host_minutes (host, minute, outcome, responses, total_ms, durations)
     select host, date_trunc('minute', now()), case host when 'api-249.example' then 'status_500' else 'fetched' end, 1,
       case host when 'api-248.example' then 9000 else 10 end, '{1}'
     from known`,
    [project.id],
  );
  await test.database.query(
    `insert into nft_metadata.metadata_hosts (host, cooldown_until) values ('api-250.example', now() + interval '1 minute')`,
  );
  const partner = await aPartner(project);
  const read = async (query: string) => {
    const { rows, total } = await partner.read(`hosts${query}`, hostListSchema);
    return { first: rows.slice(0, 4).map(({ host, state }) => `${host} ${state}`), shown: rows.length, total };
  };
  const [resting, failing, slow] = ['api-250.example resting', 'api-249.example failing', 'api-248.example slow'];

  expect(await read('')).toEqual({
    first: [resting, failing, slow, 'api-001.example good'],
    shown: 200,
    total: 250,
  });
  expect(await read('?state=resting')).toEqual({ first: [resting], shown: 1, total: 1 });
  expect(await read('?state=failing')).toEqual({ first: [failing], shown: 1, total: 1 });
  expect(await read('?state=slow')).toEqual({ first: [slow], shown: 1, total: 1 });
});

it('an action that is done is no error, even if it cannot be logged', async () => {
  const project = await test.aProject({ tokens: ['1'] });
  await refreshOnce(test, project, ['1']);
  await test.database.query(`alter table nft_metadata.console_actions add check (outcome <> 'done' or who <> 'Mira')`);
  const path = `hosts/${encodeURIComponent(test.metadataApi.host)}`;

  const limited = expectShape(hostSchema, await operator.put(`${path}/concurrency`, { limit: 3 }));

  expect(limited.host.ownLimit).toBe(3);
});

it('the menu of a partner counts its own failures, however many newer ones others have', async () => {
  const [project, other] = [await test.aProject({ tokens: ['1', '2'] }), await test.aProject({ tokens: ['1'] })];
  test.metadataApi.respond('1', 404, '');
  await refreshOnce(test, project, ['1', '2']);
  const refreshId = await refreshOnce(test, other, ['1']);
  await test.database.query(
    `with added as (
       insert into nft_metadata.refresh_errors (refresh_id, token_id, metadata_url, error_code, reason, created_at)
       select $1, 1000000 + index, 'https://api.example/' || index, 'unable_to_retrieve_metadata', 'timeout', now()
       from generate_series(1, 1000) as index
     )
     update nft_metadata.refreshes set total = total + 1000, failed = failed + 1000 where id = $1`,
    [refreshId],
  );

  const failedOf = async (visitor: ConsoleVisitor) =>
    (await visitor.read('overview', overviewSchema)).counts.failedLastHour;

  expect(await failedOf(await aPartner(project))).toBe(1);
  expect(await failedOf(await aPartner(other))).toBe(1000);
  expect(await failedOf(operator)).toBe(1000);
});

it('a partner sees its own lanes of a host, and of others only a sum [K21] [K20]', async () => {
  const [project, other] = [await test.aProject({ tokens: ['1'] }), await test.aProject({ tokens: ['1', '2'] })];
  await requestRefresh(test.app, project, ['1']);
  await requestRefresh(test.app, other, ['1', '2']);
  const path = `hosts/${encodeURIComponent(test.metadataApi.host)}`;

  const { host } = await (await aPartner(project)).read(path, hostSchema);

  expect(host).toMatchObject({
    waiting: { count: 1 },
    others: { projects: 1, waiting: { count: 2, isMore: false } },
    waits: [{ project: null, collection: { address: project.collectionAddress } }],
    workers: [],
    actions: { endCooldown: false, setConcurrency: false },
  });
  const stranger = await aPartner(await test.aProject({ metadataUrl: 'https://other.example' }));
  await stranger.get(path).expect(404);
  expect((await stranger.read('hosts', hostListSchema)).rows).toEqual([]);
  await stranger.get('workers').expect(404);
});

it('the overview says that no worker runs while tokens wait, and no longer when one does [K53]', async () => {
  const project = await test.aProject({ tokens: ['1'] });
  await requestRefresh(test.app, project, ['1']);
  await test.database.advance(10);
  const waiting = await operator.read('overview', overviewSchema);

  expect(waiting).toMatchObject({
    kind: 'operator',
    findings: [{ kind: 'no_worker', severity: 'bad', link: 'workers' }],
    running: [{ state: 'queued', total: 1 }],
    oldestDue: { host: test.metadataApi.host },
    counts: { running: 1, workers: 0, projects: 1 },
  });
  await test.worker.runOnce();
  await vi.waitUntil(
    async () => {
      const overview = await operator.read('overview', overviewSchema);
      const isFound = overview.kind === 'operator' && overview.findings.some(({ kind }) => kind === 'no_worker');
      return !isFound && overview.kind === 'operator' && overview.counts.workers === 1;
    },
    { timeout: 10_000, interval: 200 },
  );
});

it('a partner is led to its newest refresh, and sees its limits and keys', async () => {
  const project = await test.aProject({ tokens: ['1', '2'], limits: { tokensPerHour: 10 } });
  const partner = await aPartner(project);
  const before = await partner.read('overview', overviewSchema);
  const refreshId = await requestRefresh(test.app, project, ['1', '2']);

  expect(before).toMatchObject({ kind: 'partner', newestRefreshId: null });
  expect(await partner.read('overview', overviewSchema)).toMatchObject({
    newestRefreshId: refreshId,
    counts: { running: 1 },
  });
  expect(await partner.read('limits', limitsSchema)).toMatchObject({
    limits: { requestsPerSecond: 1000, tokensPerHour: 10 },
    quota: { limit: 10, used: 2, remaining: 8 },
    apiKeys: [{ prefix: project.apiKey.split('_')[1], revokedAt: null }],
  });
  await operator.get('limits').expect(404);
});
