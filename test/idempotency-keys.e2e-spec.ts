import { RefreshRetention } from '@app/metadata-refresh';
import request from 'supertest';
import type { App } from 'supertest/types.js';
import { readRefresh, requestRefresh } from './support/project-api.js';
import { control, remainingTokens } from './support/refresh-control.js';
import { holdRows } from './support/held-rows.js';
import { untilLockWaits } from './support/lock-waits.js';
import { postRefresh } from './support/selections.js';
import { startApp, type TestApp, type TestProject } from './support/start-app.js';
import { ids } from './support/token-ids.js';

let test: TestApp;
beforeAll(async () => {
  test = await startApp();
});
afterAll(() => test.stop());
afterEach(() => test.database.unfreezeTime());

const withKey = (key: string) => ({ 'idempotency-key': key });
const countRefreshes = async ({ id }: TestProject) =>
  (await test.database.query('select from nft_metadata.refreshes where project_id = $1', [id])).length;

it('fifty requests with the same Idempotency-Key at the same time make one refresh, and all get its receipt [T18]', async () => {
  const project = await test.aProject({ tokens: ids(20), limits: { requestsPerSecond: 1, tokensPerHour: 20 } });
  await test.database.freezeTime();

  const responses = await Promise.all(
    Array.from({ length: 50 }, () => postRefresh(test, project, { all: true }, withKey('reveal-1'))),
  );

  expect(new Set(responses.map(({ status }) => status))).toEqual(new Set([202]));
  expect(new Set(responses.map(({ body }) => JSON.stringify(body))).size).toBe(1);
  const replayed = responses.filter(({ headers }) => headers['idempotent-replayed'] === 'true');
  expect(replayed).toHaveLength(49);
  for (const { headers } of responses) {
    expect(headers).toMatchObject({ 'x-imx-refreshes-limit': '20', 'x-imx-remaining-refreshes': '0' });
  }
  expect(await countRefreshes(project)).toBe(1);
});

it('requests with the same Idempotency-Key that reach several processes at the same time make one refresh [T18]', async () => {
  const project = await test.aProject({ tokens: ids(500) });
  await requestRefresh(test.app, project, ['1']);
  const quota = await holdRows(test, 'select from nft_metadata.refresh_quotas where project_id = $1 for update', [
    project.id,
  ]);
  const processes = [await test.anotherProcess(), await test.anotherProcess()].map((module) =>
    module.createNestApplication(),
  );
  for (const app of processes) await app.init();
  const servers = [test.app, ...processes].map((app) => app.getHttpServer() as App);

  const sent = Promise.all(
    Array.from({ length: 30 }, (_, index) =>
      request(servers[index % 3]!)
        .post('/v1/metadata-refreshes')
        .set({ 'x-api-key': project.apiKey, 'idempotency-key': 'of-many' })
        .send({ collection_address: project.collectionAddress, all: true }),
    ),
  );
  // One process has saved the key and waits for the quota, the others wait for its key.
  await untilLockWaits(test.database, { count: 3 });
  await quota.release();
  const responses = await sent;

  expect(new Set(responses.map(({ status }) => status))).toEqual(new Set([202]));
  expect(new Set(responses.map(({ body }) => (body as { refresh_id: string }).refresh_id)).size).toBe(1);
  expect(responses.filter(({ headers }) => headers['idempotent-replayed'] === undefined)).toHaveLength(1);
  expect(await countRefreshes(project)).toBe(2);
});

it('an Idempotency-Key with another body gets 422, and with the same body in another spelling the first receipt [T19]', async () => {
  const project = await test.aProject({ tokens: ['1', '2'] });
  const first = await postRefresh(test, project, { token_ids: ['1', '2'] }, withKey('k')).expect(202);

  const other = await postRefresh(test, project, { token_ids: ['2'] }, withKey('k'));
  const selection = await postRefresh(test, project, { all: true }, withKey('k'));
  const same = await postRefresh(
    test,
    project,
    { token_ids: [1, '2'], collection_address: project.collectionAddress.toUpperCase().replace('0X', '0x') },
    withKey('k'),
  );

  for (const { status, body } of [other, selection]) {
    expect({ status, body: body as unknown }).toEqual({
      status: 422,
      body: {
        code: 'idempotency_key_reused',
        message:
          'A request with another body was accepted with the idempotency key "k". Send a new key with a new request.',
      },
    });
  }
  expect(same).toMatchObject({ status: 202, body: first.body, headers: { 'idempotent-replayed': 'true' } });
  expect(await countRefreshes(project)).toBe(1);
});

it('a replay is found before any limit: it uses up no request and no token, and shows the limits of today', async () => {
  const project = await test.aProject({ tokens: ids(3), limits: { requestsPerSecond: 1, tokensPerHour: 5 } });
  await test.database.freezeTime();
  const first = await postRefresh(test, project, { token_ids: ids(3) }, withKey('k')).expect(202);

  const refused = await postRefresh(test, project, { token_ids: ['1'] }, withKey('other'));
  const replay = await postRefresh(test, project, { token_ids: ids(3) }, withKey('k'));
  await test.database.advance(2);
  const next = await postRefresh(test, project, { token_ids: ['1'] });
  const later = await postRefresh(test, project, { token_ids: ids(3) }, withKey('k'));

  expect(refused).toMatchObject({ status: 429, headers: { 'retry-after': '1' } });
  expect(replay).toMatchObject({ status: 202, body: first.body, headers: { 'x-imx-remaining-refreshes': '2' } });
  expect(next.headers).toMatchObject({ 'x-imx-remaining-refreshes': '1' });
  expect(later).toMatchObject({ status: 202, body: first.body, headers: { 'x-imx-remaining-refreshes': '1' } });
});

describe('a retry with an Idempotency-Key', () => {
  async function aFailedRefresh(requestsPerSecond = 1000) {
    const project = await test.aProject({ tokens: ids(3), limits: { tokensPerHour: 10, requestsPerSecond } });
    test.metadataApi.respond('2', 404).respond('3', 500);
    const refreshId = await requestRefresh(test.app, project, ids(3));
    await test.worker.runOnce();
    const retry = (key: string, body?: object) =>
      control(test.app, project, refreshId, 'retry', body).set(withKey(key));
    return { project, refreshId, retry };
  }

  it('fifty retries with the same Idempotency-Key at the same time make one refresh, and use up one request and its tokens once', async () => {
    const { project, refreshId, retry } = await aFailedRefresh(2);
    await test.database.freezeTime();

    const responses = await Promise.all(Array.from({ length: 50 }, () => retry('again')));

    expect(new Set(responses.map(({ status }) => status))).toEqual(new Set([202]));
    const [{ refresh_id: id }] = responses.map(({ body }) => body as { refresh_id: string }) as [
      { refresh_id: string },
    ];
    expect(responses.map(({ body }) => body as unknown)).toEqual(responses.map(() => ({ refresh_id: id })));
    expect(responses.filter(({ headers }) => headers['idempotent-replayed'] === 'true')).toHaveLength(49);
    expect(await readRefresh(test.app, project, id)).toMatchObject({ retry_of: refreshId, summary: { pending: 2 } });
    expect(await remainingTokens(test, project)).toBe(5);
    expect(await countRefreshes(project)).toBe(2);
  });

  it('a retry with the Idempotency-Key of other reasons gets 422, and a key of another refresh is another key', async () => {
    const { project, retry } = await aFailedRefresh();
    const first = await retry('k', { reasons: ['status_404'] }).expect(202);

    const other = await retry('k', { reasons: ['status_500'] });
    const refused = await retry('new', { reasons: ['timeout'] });
    const second = await control(test.app, project, (first.body as { refresh_id: string }).refresh_id, 'retry').set(
      withKey('k'),
    );

    expect(other).toMatchObject({ status: 422, body: { code: 'idempotency_key_reused' } });
    expect(refused).toMatchObject({ status: 409, body: { code: 'nothing_to_retry' } });
    expect(second).toMatchObject({ status: 409, body: { code: 'nothing_to_retry' } });
    expect(await countRefreshes(project)).toBe(2);
  });
});

it('a refused request leaves no Idempotency-Key: the key can be sent again with what is right', async () => {
  const project = await test.aProject({ tokens: ['1'], limits: { tokensPerHour: 1 } });

  await postRefresh(test, project, { token_ids: ['01'] }, withKey('k')).expect(400);
  await postRefresh(test, project, { token_ids: ['1', '2'] }, withKey('k')).expect(429);
  await postRefresh(test, project, { tokens: [{ from: '5', to: '6' }] }, withKey('k')).expect(400);
  const accepted = await postRefresh(test, project, { token_ids: ['1'] }, withKey('k')).expect(202);

  expect(accepted.headers['idempotent-replayed']).toBeUndefined();
});

it('an Idempotency-Key belongs to one project and one route', async () => {
  const [project, other] = [await test.aProject({ tokens: ['1'] }), await test.aProject({ tokens: ['1'] })];
  const partner = () =>
    request(test.app.getHttpServer() as App)
      .post(`/collections/${project.collectionAddress}/refresh_metadata`)
      .set({ 'x-api-key': project.apiKey, 'idempotency-key': 'k' })
      .send({ token_ids: ['1'] });

  await postRefresh(test, project, { token_ids: ['1'] }, withKey('k')).expect(202);
  await postRefresh(test, other, { token_ids: ['1'] }, withKey('k')).expect(202);
  const first = await partner().expect(200);
  const replay = await partner().expect(200);

  expect(first.headers['idempotent-replayed']).toBeUndefined();
  expect(replay.body).toEqual(first.body);
  expect(replay.headers['idempotent-replayed']).toBe('true');
  expect([await countRefreshes(project), await countRefreshes(other)]).toEqual([2, 1]);
});

it('the partner API refuses an Idempotency-Key that was sent with other tokens, in its own shape', async () => {
  const project = await test.aProject({ tokens: ['1', '2'] });
  const partner = (token_ids: string[]) =>
    request(test.app.getHttpServer() as App)
      .post(`/collections/${project.collectionAddress}/refresh_metadata`)
      .set({ 'x-api-key': project.apiKey, 'idempotency-key': 'k' })
      .send({ token_ids });
  await partner(['1']).expect(200);

  expect((await partner(['2']).expect(422)).body).toEqual({
    message: expect.stringContaining('another body') as string,
  });
});

it('an Idempotency-Key is kept for 24 hours; after that, it makes a new refresh, and the retention deletes it', async () => {
  const project = await test.aProject({ tokens: ['1'] });
  const first = await postRefresh(test, project, { token_ids: ['1'] }, withKey('k')).expect(202);

  await test.database.advance(23 * 3600);
  const replay = await postRefresh(test, project, { token_ids: ['1'] }, withKey('k')).expect(202);
  await test.database.advance(3601);
  const next = await postRefresh(test, project, { token_ids: ['1', '2'] }, withKey('k')).expect(202);

  expect(replay.body).toEqual(first.body);
  expect(next.body).not.toEqual(first.body);
  expect(next.headers['idempotent-replayed']).toBeUndefined();
  const keys = () => test.database.query('select from nft_metadata.idempotency_keys');
  await test.app.get(RefreshRetention).deleteExpired();
  expect(await keys()).toHaveLength(1);
  await test.database.advance(24 * 3600);
  await test.app.get(RefreshRetention).deleteExpired();
  expect(await keys()).toEqual([]);
});

it.each([
  ['empty', ''],
  ['too long', 'k'.repeat(256)],
  ['not printable', 'clé'],
])('an Idempotency-Key that is %s gets 400', async (_, key) => {
  const project = await test.aProject({ tokens: ['1'] });

  const response = await postRefresh(test, project, { token_ids: ['1'] }, withKey(key));

  expect(response).toMatchObject({
    status: 400,
    body: {
      code: 'input_validation_failed',
      message: 'the header Idempotency-Key must have 1 to 255 printable ASCII characters',
    },
  });
  await postRefresh(test, project, { token_ids: ['1'] }, withKey('k'.repeat(255))).expect(202);
});
