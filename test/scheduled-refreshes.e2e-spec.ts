import { MetadataRefreshService, type RefreshingProject } from '@app/metadata-refresh';
import { Collections } from '@app/token-store';
import { readRefresh } from './support/project-api.js';
import { inSeconds, workSecondsLater } from './support/refresh-steps.js';
import { acceptedId, estimate, pendingTokens, postRefresh } from './support/selections.js';
import { startApp, type TestApp, type TestProject } from './support/start-app.js';
import { ids } from './support/token-ids.js';

let test: TestApp;
beforeAll(async () => {
  test = await startApp();
});
afterAll(() => test.stop());
beforeEach(() => test.metadataApi.hits.clear());

const service = () => test.app.get(MetadataRefreshService);
const refreshing = ({ id }: TestProject): RefreshingProject => ({ id, tokensPerRequest: null, tokensPerHour: null });

const remaining = async (project: TestProject) =>
  (await estimate(test, project, { all: true })).tokens_per_hour.remaining;

it('a refresh with not_before is queued until then, is fetched by nobody, and counts towards the quota of the hour in which it begins', async () => {
  const project = await test.aProject({ tokens: ids(300), limits: { tokensPerHour: 500 } });
  const notBefore = await inSeconds(test, 600);

  const response = await postRefresh(test, project, { all: true, not_before: notBefore }).expect(202);
  const { refresh_id: refreshId } = response.body as { refresh_id: string };
  await workSecondsLater(test, 500);

  expect(response.headers).toMatchObject({ 'x-imx-remaining-refreshes': '500' });
  expect(await readRefresh(test.app, project, refreshId)).toMatchObject({
    status: 'queued',
    not_before: notBefore.replace(/\.(\d{3})Z$/, '.$1000Z'),
    completed_at: null,
    summary: { succeeded: 0, failed: 0, pending: 300 },
  });
  expect(test.metadataApi.totalHits).toBe(0);

  await workSecondsLater(test, 101);
  await test.worker.runOnce();

  expect(await readRefresh(test.app, project, refreshId)).toMatchObject({
    status: 'completed',
    summary: { succeeded: 300, failed: 0, pending: 0 },
  });
  expect(test.metadataApi.totalHits).toBe(300);
  expect(await remaining(project)).toBe(200);
});

it('a list with not_before begins as well, and an id that is not registered by then fails when it is processed', async () => {
  const project = await test.aProject({ tokens: ['1'] });
  const refreshId = await acceptedId(test, project, { token_ids: ['1', '77'], not_before: await inSeconds(test, 60) });

  expect(await readRefresh(test.app, project, refreshId)).toMatchObject({ status: 'queued', summary: { pending: 2 } });
  await workSecondsLater(test, 61);
  await test.worker.runOnce();

  expect(await readRefresh(test.app, project, refreshId)).toMatchObject({
    status: 'completed',
    summary: { succeeded: 1, failed: 1 },
  });
});

it.each<[string, number, RegExp]>([
  ['two minutes ago', -120, /^A refresh cannot begin in the past: .*Z is over\.$/],
  ['31 days ahead', 31 * 86_400, /^A refresh can begin at most 30 days ahead: .*Z is later\.$/],
])('a refresh with not_before %s gets 400, and nothing is saved [T17]', async (_, seconds, message) => {
  const project = await test.aProject({ tokens: ['1'] });

  const response = await postRefresh(test, project, { all: true, not_before: await inSeconds(test, seconds) });

  expect(response.status).toBe(400);
  expect(response.body).toEqual({
    code: 'input_validation_failed',
    message: expect.stringMatching(message) as string,
  });
  expect(await test.database.query('select from nft_metadata.refreshes where project_id = $1', [project.id])).toEqual(
    [],
  );
});

it('a refresh may begin 30 days ahead, and with a not_before of half a minute ago it begins at once [T17]', async () => {
  const project = await test.aProject({ tokens: ['1'] });

  await acceptedId(test, project, { all: true, not_before: await inSeconds(test, 30 * 86_400 - 60) });
  const now = await acceptedId(test, project, { all: true, not_before: await inSeconds(test, -30) });
  await test.worker.runOnce();

  expect(await readRefresh(test.app, project, now)).toMatchObject({ status: 'completed', not_before: null });
});

it('a project has at most 100 scheduled refreshes, also when many are requested at the same time [T17]', async () => {
  const project = await test.aProject({ tokens: ['1'] });
  const notBefore = new Date(await inSeconds(test, 600));
  const other = (await test.anotherProcess()).get(MetadataRefreshService);
  const request = { collectionAddress: project.collectionAddress, selection: { all: true as const }, notBefore };

  const results = await Promise.allSettled(
    Array.from({ length: 110 }, (_, index) => (index % 2 ? service() : other).request(refreshing(project), request)),
  );

  expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(100);
  const response = await postRefresh(test, project, { all: true, not_before: notBefore.toISOString() });
  expect(response).toMatchObject({
    status: 409,
    body: {
      code: 'scheduled_limit_reached',
      message: 'The project has 100 scheduled refreshes already. Cancel one, or wait until one begins.',
    },
  });
  await postRefresh(test, project, { all: true }).expect(202);
  await workSecondsLater(test, 601);
  await test.worker.runOnce();
  await acceptedId(test, project, { all: true, not_before: await inSeconds(test, 60) });
});

it.each([
  ['a selection', { all: true }],
  ['a list', { token_ids: ids(30) }],
])(
  'a scheduled refresh waits, whole, while the quota has too few tokens left, and begins in the next hour: %s',
  async (_, tokens) => {
    const project = await test.aProject({ tokens: ids(30), limits: { tokensPerHour: 50 } });
    const refreshId = await acceptedId(test, project, { ...tokens, not_before: await inSeconds(test, 60) });
    await acceptedId(test, project, { token_ids: ids(21) });

    await workSecondsLater(test, 61);
    await test.worker.runOnce();

    expect(await readRefresh(test.app, project, refreshId)).toMatchObject({
      status: 'queued',
      summary: { pending: 30 },
    });
    expect(test.metadataApi.trafficOf(`/${project.collectionAddress}`).hits).toBe(21);
    expect(await remaining(project)).toBe(29);

    await workSecondsLater(test, 3600);
    await test.worker.runOnce();

    expect(await readRefresh(test.app, project, refreshId)).toMatchObject({ status: 'completed' });
    expect(await remaining(project)).toBe(20);
  },
);

it('a scheduled refresh of more tokens than the whole quota is refused when it is requested', async () => {
  const project = await test.aProject({ tokens: ids(30), limits: { tokensPerHour: 20, tokensPerSelection: 100 } });

  const response = await postRefresh(test, project, { all: true, not_before: await inSeconds(test, 60) });

  expect(response).toMatchObject({
    status: 429,
    body: { details: 'The request names 30 tokens, more than the 20 that the project may refresh in an hour.' },
  });
});

it('a scheduled refresh fetches tokens again that were fetched between its acceptance and its beginning', async () => {
  const project = await test.aProject({ tokens: ['1'] });
  const scheduled = await acceptedId(test, project, { all: true, not_before: await inSeconds(test, 600) });
  await acceptedId(test, project, { all: true });
  await test.worker.runOnce();
  expect(test.metadataApi.hits.get('1')).toBe(1);

  await workSecondsLater(test, 601);
  await test.worker.runOnce();

  expect(test.metadataApi.hits.get('1')).toBe(2);
  expect(await readRefresh(test.app, project, scheduled)).toMatchObject({ verdicts: { unchanged: 1 } });
});

it('a scheduled refresh that is cancelled before its time ends cancelled and is never charged', async () => {
  const project = await test.aProject({ tokens: ids(5), limits: { tokensPerHour: 5 } });
  const refreshId = await acceptedId(test, project, { all: true, not_before: await inSeconds(test, 60) });

  await service().cancelRefresh(refreshing(project), refreshId);
  await workSecondsLater(test, 61);
  await test.worker.runOnce();

  expect(await readRefresh(test.app, project, refreshId)).toMatchObject({
    status: 'completed',
    summary: { succeeded: 0, failed: 0, pending: 0, cancelled: 5 },
  });
  expect(test.metadataApi.totalHits).toBe(0);
  expect(await remaining(project)).toBe(5);
});

it('a scheduled refresh that is paused at its time begins when it is resumed, and one that is resumed before waits for its time', async () => {
  const project = await test.aProject({ tokens: ids(5) });
  const late = await acceptedId(test, project, { all: true, not_before: await inSeconds(test, 60) });
  const early = await acceptedId(test, project, { all: true, not_before: await inSeconds(test, 300) });
  for (const id of [late, early]) await service().pauseRefresh(refreshing(project), id);
  await service().resumeRefresh(refreshing(project), early);

  await workSecondsLater(test, 61);
  await test.worker.runOnce();
  expect(test.metadataApi.totalHits).toBe(0);
  for (const id of [late, early]) expect(await pendingTokens(test, id)).toHaveLength(5);

  await service().resumeRefresh(refreshing(project), late);
  await test.worker.runOnce();
  expect(await readRefresh(test.app, project, late)).toMatchObject({ status: 'completed' });
  expect(await readRefresh(test.app, project, early)).toMatchObject({ status: 'queued' });

  await workSecondsLater(test, 240);
  await test.worker.runOnce();
  expect(await readRefresh(test.app, project, early)).toMatchObject({ status: 'completed' });
});

it('a large scheduled refresh whose beginning was interrupted is continued by another process', async () => {
  const project = await test.aProject({ tokens: ids(1000), limits: { tokensPerHour: 1000 } });
  const refreshId = await acceptedId(test, project, { all: true, not_before: await inSeconds(test, 60) });
  // As a process that died after it has charged the refresh, and before it has made all chunks claimable.
  await test.database.advance(61);
  await test.database.query(
    `update nft_metadata.refreshes set begun_at = now(), sweep_due_at = now() + interval '10 seconds' where id = $1`,
    [refreshId],
  );
  await test.database.query(
    `update nft_metadata.refresh_chunks set is_paused = false
     where id in (select id from nft_metadata.refresh_chunks where refresh_id = $1 order by id limit 3)`,
    [refreshId],
  );

  await workSecondsLater(test, 11);
  await test.worker.runOnce();

  expect(await readRefresh(test.app, project, refreshId)).toMatchObject({
    status: 'completed',
    summary: { succeeded: 1000 },
  });
});

it('what the service schedules itself begins without a charge, and does not count among the 100 of the project', async () => {
  const project = await test.aProject({ tokens: ids(5), limits: { tokensPerHour: 1 } });
  const [collection] = await test.app.get(Collections).findByAddress(project.collectionAddress);

  const { refreshId } = await service().requestSelection(collection!, {
    selection: { all: true },
    trigger: 'schedule',
    notBefore: new Date(await inSeconds(test, 60)),
    priority: 'low',
  });
  await workSecondsLater(test, 61);
  await test.worker.runOnce();

  expect(await readRefresh(test.app, project, refreshId)).toMatchObject({ status: 'completed', trigger: 'schedule' });
  expect(await remaining(project)).toBe(1);
});
