import { TokenStore } from '@app/token-store';
import { readErrors, readRefresh, requestRefresh } from './support/project-api.js';
import { startApp, type TestApp, type TestProject } from './support/start-app.js';

let test: TestApp;
beforeAll(async () => {
  test = await startApp();
});
afterAll(() => test.stop());

const recordOf = async ({ collectionId }: TestProject, tokenId = '1') =>
  (await test.app.get(TokenStore).findToken({ collectionId, tokenId }))!;

async function refresh(project: TestProject): Promise<string> {
  const refreshId = await requestRefresh(test.app, project, ['1']);
  await test.worker.runOnce();
  return refreshId;
}

it('validators of a document are sent back, and 304 is a success that changes only its time [D33]', async () => {
  const project = await test.aProject({ tokens: ['1'] });
  const validators = { etag: '"v1"', 'last-modified': 'Wed, 21 Oct 2015 07:28:00 GMT' };
  test.metadataApi.respond('1', 200, { name: 'One' }, validators);
  await refresh(project);
  const before = await recordOf(project);
  await test.database.advance(60);
  test.metadataApi.respond('1', 304);

  const refreshId = await refresh(project);

  expect(test.metadataApi.lastHeaders).toMatchObject({
    'if-none-match': '"v1"',
    'if-modified-since': 'Wed, 21 Oct 2015 07:28:00 GMT',
  });
  expect(await readRefresh(test.app, project, refreshId)).toMatchObject({ summary: { succeeded: 1, failed: 0 } });
  const after = await recordOf(project);
  expect(after).toEqual({
    ...before,
    lastAttemptAt: after.lastAttemptAt,
    lastSuccessAt: after.lastSuccessAt,
    lastRefreshId: refreshId,
  });
  expect(after.lastSuccessAt!.getTime()).toBeGreaterThan(before.lastSuccessAt!.getTime());
});

it('304 after a failure makes a stale record good again [G18]', async () => {
  const project = await test.aProject({ tokens: ['1'] });
  test.metadataApi.respond('1', 200, { name: 'One' }, { etag: '"v1"' });
  await refresh(project);
  test.metadataApi.respond('1', 500);
  await refresh(project);
  expect(await recordOf(project)).toMatchObject({ metadataStatus: 'stale', name: 'One' });
  test.metadataApi.respond('1', 304);

  await refresh(project);

  expect(await recordOf(project)).toMatchObject({
    metadataStatus: 'ok',
    name: 'One',
    lastErrorCode: null,
    failCount: 0,
  });
});

it('validators are not sent to another URL than the one that they came from', async () => {
  const project = await test.aProject({ tokens: ['1'] });
  test.metadataApi.respond('1', 200, { name: 'One' }, { etag: '"v1"' });
  await refresh(project);
  await test.database.query('update nft_metadata.collections set metadata_url = $1 where id = $2', [
    `${test.metadataApi.url}/moved`,
    project.collectionId,
  ]);

  await refresh(project);

  expect(test.metadataApi.lastHeaders).not.toHaveProperty('if-none-match');
});

it('a 304 for a version that is no longer stored is requested again, and the newest document wins [G7]', async () => {
  const project = await test.aProject({ tokens: ['1'] });
  test.metadataApi.respond('1', 200, { name: 'First' }, { etag: '"v1"' });
  await refresh(project);
  // While the answer is on its way, another process writes another version, of a fetch that began earlier.
  await test.database.query(`select nextval('nft_metadata.fetch_seq')`);
  test.metadataApi.script(
    '1',
    {
      async before() {
        await test.database.query(
          `update nft_metadata.tokens set content_hash = 'other', http_etag = '"v2"', fetch_seq = fetch_seq + 1
           where collection_id = $1`,
          [project.collectionId],
        );
      },
      status: 304,
      body: '',
    },
    { status: 200, body: { name: 'First' }, headers: { etag: '"v1"' } },
  );

  const refreshId = await refresh(project);
  expect(await readRefresh(test.app, project, refreshId)).toMatchObject({ summary: { succeeded: 1 } });
  expect(await recordOf(project)).toMatchObject({ name: 'First' });
  expect(test.metadataApi.lastHeaders).toMatchObject({ 'if-none-match': '"v2"' });
});

it('a token whose responses are always 304 for a version that is no longer stored fails after ten of them', async () => {
  const project = await test.aProject({ tokens: ['1'] });
  test.metadataApi.respond('1', 200, { name: 'First' }, { etag: '"v1"' });
  await refresh(project);
  // Room for the numbers of other fetches that began before the refresh was accepted.
  await test.database.query(`select setval('nft_metadata.fetch_seq', last_value + 100) from nft_metadata.fetch_seq`);
  let responses = 0;
  test.metadataApi.script('1', {
    async before() {
      responses += 1;
      if (responses > 30) return;
      await test.database.query(
        `update nft_metadata.tokens set content_hash = $2, http_etag = $2, fetch_seq = fetch_seq + 1
         where collection_id = $1`,
        [project.collectionId, `"other ${responses}"`],
      );
    },
    status: 304,
    body: '',
  });

  const refreshId = await refresh(project);

  expect(responses).toBe(10);
  expect(await readErrors(test.app, project, refreshId)).toMatchObject([{ token_id: '1', reason: 'worker_lost' }]);
});
