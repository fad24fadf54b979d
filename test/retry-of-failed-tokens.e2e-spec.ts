import { Refreshes } from '@app/metadata-refresh';
import { Collections, TokenStore } from '@app/token-store';
import { http, readErrors, readRefresh, requestRefresh } from './support/project-api.js';
import { control, remainingTokens, untilStatus } from './support/refresh-control.js';
import { startApp, type TestApp, type TestProject } from './support/start-app.js';
import { ids } from './support/token-ids.js';

let test: TestApp;
beforeAll(async () => {
  test = await startApp({ safeHttp: { deadlineMs: 1000 } });
});
afterAll(() => test.stop());
beforeEach(() => test.metadataApi.hits.clear());

/** Returns the id of the new refresh. */
async function retry(project: TestProject, refreshId: string, body?: object): Promise<string> {
  const response = await control(test.app, project, refreshId, 'retry', body).expect(202);
  return (response.body as { refresh_id: string }).refresh_id;
}

/** A refresh of which 1 and 2 time out, 3 is not there, and 4 succeeds. */
async function aRefreshWithFailures(limits = {}) {
  const project = await test.aProject({ tokens: ids(4), limits });
  for (const id of ['1', '2']) test.metadataApi.misbehave(id, 'hangs');
  test.metadataApi.respond('3', 404).respond('4', 200, { name: 'Four' });
  const refreshId = await requestRefresh(test.app, project, ids(4));
  await test.worker.runOnce();
  for (const id of ids(4)) test.metadataApi.respond(id, 200, { name: `Token ${id}` });
  test.metadataApi.hits.clear();
  return { project, refreshId };
}

it('a retry of the tokens that timed out is a new refresh of these tokens only, and the old one stays as it is [T11]', async () => {
  const { project, refreshId } = await aRefreshWithFailures({ tokensPerHour: 100 });
  const before = await readRefresh(test.app, project, refreshId);
  expect(before).toMatchObject({ summary: { succeeded: 1, failed: 3, pending: 0 }, retry_of: null });

  const { body, headers } = await control(test.app, project, refreshId, 'retry', { reasons: ['timeout'] }).expect(202);

  const retried = (body as { refresh_id: string }).refresh_id;
  expect(body).toEqual({ refresh_id: expect.any(String) as string });
  expect(headers).toMatchObject({ 'x-imx-refreshes-limit': '100', 'x-imx-remaining-refreshes': '94' });
  expect(await readRefresh(test.app, project, retried)).toMatchObject({
    status: 'queued',
    trigger: 'retry',
    retry_of: refreshId,
    summary: { succeeded: 0, failed: 0, pending: 2 },
  });
  await test.worker.runOnce();
  expect([...test.metadataApi.hits.keys()].toSorted()).toEqual(['1', '2']);
  expect(await readRefresh(test.app, project, retried)).toMatchObject({
    status: 'completed',
    verdicts: { updated: 2 },
  });
  expect(await readRefresh(test.app, project, refreshId)).toEqual(before);
  expect(await readErrors(test.app, project, refreshId)).toHaveLength(3);
  const { body: list } = await http(test.app)
    .get('/v1/metadata-refreshes')
    .set('x-api-key', project.apiKey)
    .expect(200);
  expect((list as { result: object[] }).result).toMatchObject([{ refresh_id: retried }, { refresh_id: refreshId }]);
});

it('a retry without reasons takes all failed tokens, and can be retried itself', async () => {
  const { project, refreshId } = await aRefreshWithFailures();
  test.metadataApi.respond('3', 500);

  const retried = await retry(project, refreshId);
  await test.worker.runOnce();
  test.metadataApi.respond('3', 200, { name: 'Three' });
  const again = await retry(project, retried, {});
  await test.worker.runOnce();

  expect(await readRefresh(test.app, project, retried)).toMatchObject({ summary: { succeeded: 2, failed: 1 } });
  expect(await readRefresh(test.app, project, again)).toMatchObject({
    retry_of: retried,
    summary: { succeeded: 1, failed: 0, pending: 0 },
  });
});

it('a refresh without failures, or without failures of these reasons, cannot be retried [T12]', async () => {
  const { project, refreshId } = await aRefreshWithFailures();
  const clean = await requestRefresh(test.app, project, ['4']);
  await test.worker.runOnce();
  const remaining = await remainingTokens(test, project);

  const none = await control(test.app, project, clean, 'retry').expect(409);
  const other = await control(test.app, project, refreshId, 'retry', { reasons: ['status_418', 'tls'] }).expect(409);

  expect(none.body).toEqual({ code: 'nothing_to_retry', message: `No token of refresh ${clean} has failed.` });
  expect(other.body).toMatchObject({
    code: 'nothing_to_retry',
    message: `No token of refresh ${refreshId} has failed for status_418, tls.`,
  });
  expect(await remainingTokens(test, project)).toBe(remaining);
});

it('a retry with an invalid body is refused, and the message names the field', async () => {
  const { project, refreshId } = await aRefreshWithFailures();

  for (const body of [
    { reasons: [] },
    { reasons: 'timeout' },
    { reasons: [1] },
    { reasons: ['tiemout'] },
    { reason: ['timeout'] },
  ]) {
    const { body: refusal } = await control(test.app, project, refreshId, 'retry', body).expect(400);
    expect(refusal).toMatchObject({
      code: 'input_validation_failed',
      message: expect.stringContaining('reason') as string,
    });
  }
});

it('the retry of a refresh that is still running takes the tokens that have failed so far', async () => {
  const project = await test.aProject({ tokens: ids(2) });
  test.metadataApi.respond('1', 404).script('2', { status: 503, body: '', headers: { 'retry-after': '20' } });
  const refreshId = await requestRefresh(test.app, project, ids(2));
  await test.worker.runOnce();
  expect(await readRefresh(test.app, project, refreshId)).toMatchObject({ summary: { failed: 1, pending: 1 } });
  for (const id of ids(2)) test.metadataApi.respond(id, 200, { name: id });

  const retried = await retry(project, refreshId);
  await control(test.app, project, refreshId, 'cancel').expect(202);
  const ofCancelled = await retry(project, refreshId);
  await test.database.advance(61);
  await test.worker.runOnce();

  for (const id of [retried, ofCancelled]) {
    expect(await readRefresh(test.app, project, id)).toMatchObject({
      summary: { succeeded: 1, failed: 0, pending: 0 },
    });
  }
  expect(await readRefresh(test.app, project, refreshId)).toMatchObject({ summary: { failed: 1, cancelled: 1 } });
});

it('a retry has any number of tokens, in chunks in the order of their ids, and counts them all towards the quota', async () => {
  const limits = { tokensPerRequest: 5000, tokensPerHour: 10_000 };
  const project = await test.aProject({ limits });
  const refreshId = await requestRefresh(test.app, project, ids(4000));
  const store = test.app.get(TokenStore);
  for (let from = 1; from < 4000; from += 1000) await store.registerTokens(project.collectionId, ids(1000, from));

  const retried = await retry(project, refreshId, { reasons: ['not_registered'] });
  expect(await remainingTokens(test, project)).toBe(2000);
  const refused = await control(test.app, project, refreshId, 'retry').expect(429);
  const chunks = await test.database.query<{ tokens: number }>(
    `select token_count as tokens from nft_metadata.refresh_chunks where refresh_id = $1 order by first_token_id`,
    [retried],
  );
  await test.worker.runOnce();

  expect(chunks.map(({ tokens }) => tokens)).toEqual([...Array.from({ length: 31 }, () => 128), 32]);
  expect(refused.body).toMatchObject({ code: 'refresh_limit_exceeded' });
  expect(await untilStatus(test, project, retried, 'completed')).toMatchObject({
    summary: { succeeded: 4000, failed: 0, pending: 0 },
  });
}, 120_000);

it('a retry of more tokens than the quota has left is refused as a whole; one reason at a time, or by the operator, it is accepted', async () => {
  const { project, refreshId } = await aRefreshWithFailures({ tokensPerHour: 6 });

  const all = await control(test.app, project, refreshId, 'retry').expect(429);
  const before = await remainingTokens(test, project);
  await control(test.app, project, refreshId, 'retry', { reasons: ['timeout'] }).expect(202);
  const { tokens } = await test.app.get(Refreshes).retry(refreshId);

  expect(all.body).toMatchObject({ code: 'refresh_limit_exceeded' });
  expect(all.headers).toMatchObject({ 'x-imx-remaining-refreshes': '2', 'retry-after': expect.any(String) as string });
  expect({ before, after: await remainingTokens(test, project) }).toEqual({ before: 2, after: 0 });
  expect(tokens).toBe(3);
});

it('a retry fetches from where the metadata of the collection is now', async () => {
  const { project, refreshId } = await aRefreshWithFailures();
  await test.app
    .get(Collections)
    .update(project.collectionId, { source: { kind: 'metadata_api', url: `${test.metadataApi.url}/moved` } });

  const retried = await retry(project, refreshId, { reasons: ['status_404'] });
  await test.worker.runOnce();

  expect(await readRefresh(test.app, project, retried)).toMatchObject({ summary: { succeeded: 1, failed: 0 } });
  expect(test.metadataApi.lastUrl).toBe('/moved/3');
});

it('a refresh of a collection that was removed cannot be retried', async () => {
  const { project, refreshId } = await aRefreshWithFailures();
  await test.app.get(Collections).remove(project.collectionId);

  const { body } = await control(test.app, project, refreshId, 'retry').expect(403);

  expect(body).toMatchObject({ code: 'forbidden' });
});

it('fifty retries at the same time are fifty refreshes, each counted once', async () => {
  const { project, refreshId } = await aRefreshWithFailures({ tokensPerHour: 104 });

  const responses = await Promise.all(
    Array.from({ length: 50 }, () => control(test.app, project, refreshId, 'retry', { reasons: ['timeout'] })),
  );
  await test.worker.runOnce();

  expect(responses.map(({ status }) => status)).toEqual(responses.map(() => 202));
  expect(new Set(responses.map(({ body }) => (body as { refresh_id: string }).refresh_id)).size).toBe(50);
  expect(await remainingTokens(test, project)).toBe(0);
});
