import { readErrors, readRefresh, requestRefresh } from './support/project-api.js';
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

const recordsOf = ({ collectionId }: TestProject) =>
  test.database.query(
    `select name, last_error_reason, fail_count from nft_metadata.tokens left join nft_metadata.token_documents using (id)
     where collection_id = $1 order by token_id`,
    [collectionId],
  );

it('a token is retried twice, the second time after a longer delay [D23, D24, D26, D27]', async () => {
  const project = await test.aProject({ tokens: ['1'] });
  test.metadataApi.respond('1', 503, 'busy');

  const refreshId = await refresh(project, ['1']);
  const first = await stateOf(refreshId);
  await secondsLater(first.dueIn);
  const second = await stateOf(refreshId);
  await secondsLater(second.dueIn);
  const third = await stateOf(refreshId);
  await secondsLater(3600);

  expect(first).toMatchObject({ status: 'pending', tries: 1 });
  expect(first.dueIn).toBeGreaterThanOrEqual(1);
  expect(first.dueIn).toBeLessThanOrEqual(1.25);
  expect(second).toMatchObject({ status: 'pending', tries: 2 });
  expect(second.dueIn).toBeGreaterThanOrEqual(2);
  expect(second.dueIn).toBeLessThanOrEqual(2.5);
  expect(third).toMatchObject({ status: 'failed', tries: 3 });
  expect(hitsOf('1')).toBe(3);
  expect(await readRefresh(test.app, project, refreshId)).toMatchObject({
    status: 'completed',
    summary: { failed: 1 },
  });
  expect(await readErrors(test.app, project, refreshId)).toMatchObject([{ reason: 'status_503' }]);
});

it('a token and its host are never blocked permanently, also after a thousand consecutive 429 [D17]', async () => {
  const project = await test.aProject({ tokens: ['1'] });
  test.metadataApi.respond('1', 429);
  await refresh(project, ['1']);
  await secondsLater(60);
  await secondsLater(60);
  await test.database.query('update nft_metadata.tokens set fail_count = 999 where collection_id = $1', [
    project.collectionId,
  ]);
  test.metadataApi.script('1', { status: 429, body: '' }, { status: 200, body: { name: 'At last' } });
  test.metadataApi.hits.clear();

  // Its host rests from the last 429, for seconds.
  await secondsLater(60);
  const throttled = await refresh(project, ['1']);
  const meanwhile = await stateOf(throttled);
  await secondsLater(meanwhile.dueIn);

  expect(meanwhile).toMatchObject({ status: 'pending', tries: 1 });
  expect(meanwhile.dueIn).toBeLessThanOrEqual(1.25);
  expect(hitsOf('1')).toBe(2);
  expect(await readRefresh(test.app, project, throttled)).toMatchObject({ summary: { succeeded: 1 } });
});

it('a new refresh fetches a token at once, also after a thousand failures, and a success resets them [D28, D30]', async () => {
  const project = await test.aProject({ tokens: ['1'] });
  test.metadataApi.respond('1', 503);
  await refresh(project, ['1']);
  await secondsLater(60);
  await secondsLater(60);
  await test.database.query('update nft_metadata.tokens set fail_count = 1000 where collection_id = $1', [
    project.collectionId,
  ]);
  test.metadataApi.hits.clear();

  const throttled = await refresh(project, ['1']);
  expect(hitsOf('1')).toBe(1);
  expect(await stateOf(throttled)).toMatchObject({ status: 'pending', tries: 1 });
  test.metadataApi.respond('1', 200, { name: 'At last' });
  await secondsLater(2);

  expect(await readRefresh(test.app, project, throttled)).toMatchObject({ summary: { succeeded: 1 } });
  const [token] = await test.database.query<{ failCount: number }>(
    `select name, fail_count as "failCount", last_error_code
     from nft_metadata.tokens join nft_metadata.token_documents using (id) where collection_id = $1`,
    [project.collectionId],
  );
  expect(token).toEqual({ name: 'At last', failCount: 0, last_error_code: null });
});

it('a hundred failures block neither their collection nor another, and all can be refreshed again at once [D34, H18]', async () => {
  const tokens = Array.from({ length: 100 }, (_, id) => String(1000 + id));
  const [project, other] = [await test.aProject({ tokens }), await test.aProject({ tokens: ['1'] })];
  for (const tokenId of tokens) test.metadataApi.respond(tokenId, 404);
  test.metadataApi.respond('1', 200, { name: 'One' });
  const failed = await refresh(project, tokens);
  for (const tokenId of tokens) test.metadataApi.respond(tokenId, 200, { name: 'Revealed' });

  const revealed = await refresh(project, tokens);
  const another = await refresh(other, ['1']);

  expect(await readRefresh(test.app, project, failed)).toMatchObject({ summary: { failed: 100 } });
  expect(await readRefresh(test.app, project, revealed)).toMatchObject({ summary: { succeeded: 100 } });
  expect(await readRefresh(test.app, other, another)).toMatchObject({ summary: { succeeded: 1 } });
});

it('a token that was not found is fetched again only by a new refresh, and then succeeds [D4, D5, D29]', async () => {
  const project = await test.aProject({ tokens: ['1', '2'] });
  test.metadataApi.script('1', { status: 404, body: '' }, { status: 200, body: { name: 'One' } });
  test.metadataApi.script('2', { status: 200, body: '{"name":' }, { status: 200, body: { name: 'Two' } });
  await refresh(project, ['1', '2']);

  await secondsLater(3600);
  const meanwhile = [hitsOf('1'), hitsOf('2')];
  const failed = await recordsOf(project);
  const refreshId = await refresh(project, ['1', '2']);

  expect(meanwhile).toEqual([1, 1]);
  expect(failed).toEqual([
    { name: null, last_error_reason: 'status_404', fail_count: 1 },
    { name: null, last_error_reason: 'invalid_json', fail_count: 1 },
  ]);
  expect(await readRefresh(test.app, project, refreshId)).toMatchObject({ summary: { succeeded: 2, failed: 0 } });
  expect(await recordsOf(project)).toEqual([
    { name: 'One', last_error_reason: null, fail_count: 0 },
    { name: 'Two', last_error_reason: null, fail_count: 0 },
  ]);
});

it('a token of a dead worker that waits for its retry does not delay a newer refresh of its token', async () => {
  const project = await test.aProject({ tokens: ['1'] });
  test.metadataApi.script('1', { status: 503, body: '' }, { status: 200, body: { name: 'One' } });
  const older = await requestRefresh(test.app, project, ['1']);
  // As its worker left it: claimed, and the lease is over.
  await test.database.query(
    'update nft_metadata.refresh_chunks set claim_count = 1, is_claimed = true where refresh_id = $1',
    [older],
  );
  await test.worker.runOnce();

  const newer = await refresh(project, ['1']);

  expect(await readRefresh(test.app, project, newer)).toMatchObject({ summary: { succeeded: 1 } });
  expect(await stateOf(older)).toMatchObject({ status: 'pending', tries: 1 });
  await secondsLater(2);
  expect(await readRefresh(test.app, project, older)).toMatchObject({ summary: { succeeded: 1 } });
});

it('a token whose fetch has ended after nine dead workers does not fail with the next one', async () => {
  const project = await test.aProject({ tokens: ['1'] });
  test.metadataApi.script('1', { status: 503, body: '' }, { status: 200, body: { name: 'One' } });
  const refreshId = await requestRefresh(test.app, project, ['1']);
  // As a worker left it: claimed, and the lease is over.
  const loseClaim = () =>
    test.database.query(
      `update nft_metadata.refresh_chunks set is_claimed = true, due_at = now() - interval '1 second' where refresh_id = $1`,
      [refreshId],
    );
  await test.database.query('update nft_metadata.refresh_chunks set lost_count = 8 where refresh_id = $1', [refreshId]);
  await loseClaim();
  await test.worker.runOnce();
  await loseClaim();

  await test.worker.runOnce();

  expect(hitsOf('1')).toBe(2);
  expect(await readRefresh(test.app, project, refreshId)).toMatchObject({ summary: { succeeded: 1, failed: 0 } });
});

it('a token is not due before its Retry-After, also if other tokens of its chunk are due earlier', async () => {
  const project = await test.aProject({ tokens: ['1', '2', '3'] });
  test.metadataApi.respond('1', 503).respond('2', 503, '', { 'retry-after': '2' }).respond('3', 503);

  const refreshId = await refresh(project, ['1', '2', '3']);
  const waiting = await test.database.query<{ tokenIds: string[]; dueIn: number }>(
    `select token_ids::text[] as "tokenIds", extract(epoch from due_at - now())::float8 as "dueIn"
     from nft_metadata.refresh_chunks where refresh_id = $1`,
    [refreshId],
  );
  for (const tokenId of ['1', '2', '3']) test.metadataApi.respond(tokenId, 200, { name: 'At last' });
  await secondsLater(2);

  expect(waiting.find(({ tokenIds }) => tokenIds.includes('2'))!.dueIn).toBeGreaterThanOrEqual(2);
  expect(Math.max(...waiting.map(({ dueIn }) => dueIn))).toBeLessThanOrEqual(2);
  expect(await readRefresh(test.app, project, refreshId)).toMatchObject({ summary: { succeeded: 3, failed: 0 } });
});
