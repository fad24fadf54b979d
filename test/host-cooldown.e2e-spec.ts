import { http, readErrors, readRefresh } from './support/project-api.js';
import { holdRows } from './support/held-rows.js';
import { startApp, type TestApp, type TestProject } from './support/start-app.js';
import { attemptsOf, freezeTimeWithoutCooldowns, refreshOnce, workSecondsLater } from './support/refresh-steps.js';

let test: TestApp;
beforeAll(async () => {
  test = await startApp();
});
afterAll(() => test.stop());
beforeEach(() => freezeTimeWithoutCooldowns(test));

const hitsOf = (tokenId: string) => test.metadataApi.hits.get(tokenId) ?? 0;

const refresh = (project: TestProject, tokenIds: readonly string[]) => refreshOnce(test, project, tokenIds);
const secondsLater = (seconds: number) => workSecondsLater(test, seconds);
const stateOf = (refreshId: string) => attemptsOf(test, refreshId);

it('after a 429 no token of the host is fetched until its Retry-After has passed, and then each is [D10, D15, D16]', async () => {
  const project = await test.aProject({ tokens: ['1', '2'] });
  test.metadataApi.script(
    '1',
    { status: 429, body: '', headers: { 'retry-after': '40' } },
    { status: 200, body: { name: 'One' } },
  );
  test.metadataApi.respond('2', 200, { name: 'Two' });
  const first = await refresh(project, ['1']);

  const second = await refresh(project, ['2']);
  await secondsLater(39);
  const meanwhile = [hitsOf('1'), hitsOf('2')];
  const waiting = await readRefresh(test.app, project, second);
  await secondsLater(1);

  expect(meanwhile).toEqual([1, 0]);
  expect(waiting).toMatchObject({ status: 'queued', summary: { pending: 1 } });
  expect([hitsOf('1'), hitsOf('2')]).toEqual([2, 1]);
  for (const refreshId of [first, second]) {
    expect(await readRefresh(test.app, project, refreshId)).toMatchObject({ summary: { succeeded: 1 } });
  }
});

it('a cooldown that several responses ask for at the same moment is one cooldown in the history of its host', async () => {
  const project = await test.aProject({ tokens: ['1', '2'] });
  const { host } = test.metadataApi;
  await refresh(project, ['1', '2']);
  const throttled = { status: 429, body: '', headers: { 'retry-after': '40' } };
  for (const id of ['1', '2']) test.metadataApi.script(id, throttled, { status: 200, body: { name: 'Later' } });
  const cooldowns = () => test.database.query('select from nft_metadata.host_cooldowns where host = $1', [host]);
  const before = (await cooldowns()).length;
  const row = await holdRows(test, 'select from nft_metadata.metadata_hosts where host = $1 for update', [host]);

  const refreshing = refresh(project, ['1', '2']);
  await row.reached(2);
  await row.release();
  await refreshing;

  expect((await cooldowns()).length - before).toBe(1);
  await secondsLater(41);
});

it('a refresh shows the cooldown of its host, alone and in the list, until it is over', async () => {
  const [project, other] = [await test.aProject({ tokens: ['1', '2'] }), await test.aProject({ tokens: ['3'] })];
  test.metadataApi.script(
    '1',
    { status: 429, body: '', headers: { 'retry-after': '40' } },
    { status: 200, body: { name: 'One' } },
  );
  const throttled = await refresh(project, ['1']);
  const [{ until } = { until: '' }] = await test.database.query<{ until: string }>(
    `select to_char((now() + interval '40 seconds') at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as until`,
  );
  const waiting = await refresh(other, ['3']);
  const completed = await refresh(project, ['404404']);
  const list = async () =>
    (
      (await http(test.app).get('/v1/metadata-refreshes').set('x-api-key', project.apiKey).expect(200)).body as {
        result: { refresh_id: string }[];
      }
    ).result;

  const cooldown = { host: test.metadataApi.host, until };
  expect(await readRefresh(test.app, project, throttled)).toMatchObject({ status: 'queued', cooldown });
  expect(await readRefresh(test.app, other, waiting)).toMatchObject({ status: 'queued', cooldown });
  const listed = new Map((await list()).map((row) => [row.refresh_id, row]));
  expect(listed.get(completed)).toMatchObject({ cooldown: null, summary: { succeeded: 0, failed: 1, pending: 0 } });
  expect(listed.get(throttled)).toMatchObject({ cooldown, summary: { succeeded: 0, failed: 0, pending: 1 } });

  await test.database.advance(40);
  expect(await readRefresh(test.app, project, throttled)).toMatchObject({ status: 'queued', cooldown: null });
  await test.worker.runOnce();
  expect(await readRefresh(test.app, project, throttled)).toMatchObject({ status: 'completed', cooldown: null });
});

it.each([429, 503])('after a %i with Retry-After no project fetches from the host [D9, D10]', async (status) => {
  const [project, other] = [await test.aProject({ tokens: ['1'] }), await test.aProject({ tokens: ['2'] })];
  test.metadataApi.script(
    '1',
    { status, body: '', headers: { 'retry-after': '40' } },
    { status: 200, body: { name: 'One' } },
  );
  test.metadataApi.respond('2', 200, { name: 'Two' });
  await refresh(project, ['1']);

  await refresh(other, ['2']);
  await secondsLater(39);
  const meanwhile = [hitsOf('1'), hitsOf('2')];
  await secondsLater(1);

  expect(meanwhile).toEqual([1, 0]);
  expect([hitsOf('1'), hitsOf('2')]).toEqual([2, 1]);
});

it('a 503 without Retry-After delays its own token, and no other', async () => {
  const project = await test.aProject({ tokens: ['1', '2'] });
  test.metadataApi.script('1', { status: 503, body: '' }, { status: 200, body: { name: 'One' } });
  test.metadataApi.respond('2', 200, { name: 'Two' });
  await refresh(project, ['1']);

  await refresh(project, ['2']);
  const meanwhile = [hitsOf('1'), hitsOf('2')];
  await secondsLater(2);

  expect(meanwhile).toEqual([1, 1]);
  expect(hitsOf('1')).toBe(2);
});

it('the cooldown of a host outlasts the last attempt of a token', async () => {
  const project = await test.aProject({ tokens: ['1', '2'] });
  test.metadataApi.respond('1', 429).respond('2', 200, { name: 'Two' });
  const refreshId = await refresh(project, ['1']);
  await secondsLater(60);
  await secondsLater(60);

  await refresh(project, ['2']);
  const meanwhile = [await readErrors(test.app, project, refreshId), hitsOf('2')];
  await secondsLater(4);

  expect(meanwhile).toMatchObject([[{ reason: 'status_429' }], 0]);
  expect(hitsOf('2')).toBe(1);
});

it('the cooldown of a host is not shortened by a later response that asks for less', async () => {
  const project = await test.aProject({ tokens: ['1', '2'] });
  const later = Promise.withResolvers<void>();
  const throttled = (retryAfter: string) => ({ status: 429, body: '', headers: { 'retry-after': retryAfter } });
  test.metadataApi.script('1', throttled('40'), { status: 200, body: { name: 'One' } });
  test.metadataApi.script(
    '2',
    { before: () => later.promise, ...throttled('5') },
    { status: 200, body: { name: 'Two' } },
  );
  const refreshing = refresh(project, ['1', '2']);
  await vi.waitUntil(async () => {
    const cooldowns = await test.database.query(
      'select from nft_metadata.metadata_hosts where cooldown_until > now() and host = $1',
      [test.metadataApi.host],
    );
    return cooldowns.length > 0;
  });
  later.resolve();
  await refreshing;

  await secondsLater(39);
  const meanwhile = [hitsOf('1'), hitsOf('2')];
  await secondsLater(1);

  expect(meanwhile).toEqual([1, 1]);
  expect([hitsOf('1'), hitsOf('2')]).toEqual([2, 2]);
});

it.each([
  ['429 and 120 seconds [D10]', 429, '120'],
  ['503 and 120 seconds [D9]', 503, '120'],
  ['429 and eleven days [D13]', 429, '999999'],
])('a cooldown ends after a minute at most, whatever the host asks for: %s [H9]', async (_, status, retryAfter) => {
  const project = await test.aProject({ tokens: ['1'] });
  test.metadataApi.script(
    '1',
    { status, body: '', headers: { 'retry-after': retryAfter } },
    { status: 200, body: { name: 'One' } },
  );
  const refreshId = await refresh(project, ['1']);

  expect(await stateOf(refreshId)).toEqual({ status: 'pending', tries: 1, dueIn: 60 });
  await secondsLater(59);
  const meanwhile = hitsOf('1');
  await secondsLater(1);

  expect([meanwhile, hitsOf('1')]).toEqual([1, 2]);
});

it.each(['', 'soon', '-5', 'Wed, 21 Oct 2015 07:28:00 GMT'])(
  'an invalid Retry-After %j counts as none [D12]',
  async (retryAfter) => {
    const project = await test.aProject({ tokens: ['1'] });
    test.metadataApi.respond('1', 429, '', { 'retry-after': retryAfter });

    const { dueIn } = await stateOf(await refresh(project, ['1']));

    expect(dueIn).toBeGreaterThanOrEqual(1);
    expect(dueIn).toBeLessThanOrEqual(1.25);
    await secondsLater(60);
    await secondsLater(60);
  },
);
