import { MetadataHost } from '@app/testing';
import { expectSucceeded, readRefresh, requestRefresh } from './support/project-api.js';
import { startApp, type TestApp } from './support/start-app.js';
import { ids } from './support/token-ids.js';

let test: TestApp;
/** Unknown to every worker at first, so that the first claims for it are small. */
let otherHost: MetadataHost;
beforeAll(async () => {
  otherHost = await MetadataHost.start();
  // Some responses are delayed until another event has happened.
  test = await startApp({ safeHttp: { deadlineMs: 20_000 } }, { otherHosts: [otherHost] });
});
afterAll(async () => {
  await test.stop();
  await otherHost.close();
});
beforeEach(() => {
  test.metadataApi.hits.clear();
  test.metadataApi.maxConcurrent = 0;
});

describe('one fetch of each token', () => {
  it('one fetch serves every refresh that waits for the token, also when they are accepted at the same time [H1, H5]', async () => {
    const project = await test.aProject({ tokens: ids(20) });
    const asked = [ids(20), ids(10, 5), ['7', '8']];
    const refreshIds = await Promise.all(asked.map((tokenIds) => requestRefresh(test.app, project, tokenIds)));

    await test.worker.runOnce();

    expect(test.metadataApi.totalHits).toBe(20);
    for (const [index, refreshId] of refreshIds.entries()) {
      await expectSucceeded(test.app, project, refreshId, asked[index]!.length);
    }
    const attempts = await test.database.query(
      'select from nft_metadata.refresh_attempts where collection_id = $1 and token_id = 7',
      [project.collectionId],
    );
    expect(attempts).toHaveLength(1);
  });

  it('one fetch fails every refresh that waits for the token, and gives each its error', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    test.metadataApi.script('1', { status: 404, body: '' });
    const refreshIds = [await requestRefresh(test.app, project, ['1']), await requestRefresh(test.app, project, ['1'])];

    await test.worker.runOnce();

    expect(test.metadataApi.hits.get('1')).toBe(1);
    for (const refreshId of refreshIds) {
      expect(await readRefresh(test.app, project, refreshId)).toMatchObject({ summary: { failed: 1, pending: 0 } });
    }
    const [token] = await test.database.query('select fail_count from nft_metadata.tokens where collection_id = $1', [
      project.collectionId,
    ]);
    expect(token).toEqual({ fail_count: 1 });
    test.metadataApi.script('1', { status: 200, body: { name: 'One' } });
  });

  it('one fetch is made for a token, however many workers there are [H6]', async () => {
    const project = await test.aProject({ tokens: ids(1000) });
    const refreshId = await requestRefresh(test.app, project, ids(1000));
    const other = await test.anotherWorker();

    await Promise.all([test.worker.runOnce(), other.runOnce()]);

    await vi.waitUntil(async () => (await readRefresh(test.app, project, refreshId))['status'] === 'completed', {
      timeout: 10_000,
    });
    expect(test.metadataApi.totalHits).toBe(1000);
    await expectSucceeded(test.app, project, refreshId, 1000);
  });

  it('one fetch is made for a token when a worker joins in the middle of the work [H16]', async () => {
    const project = await test.aProject({ tokens: ids(600), metadataUrl: otherHost.url });
    otherHost.respondSlowly(ids(600), 20);
    // More than a worker takes ahead.
    const late = ids(500, 101);
    let open = () => {};
    const joined = new Promise<void>((done) => (open = done));
    for (const tokenId of late) {
      otherHost.script(tokenId, { before: () => joined, status: 200, body: { name: `Token ${tokenId}` } });
    }
    const refreshId = await requestRefresh(test.app, project, ids(600));
    const other = await test.anotherWorker();
    const workers = () =>
      test.database.query('select from nft_metadata.host_workers where host = $1', [otherHost.host]);

    test.worker.start();
    await vi.waitUntil(() => late.some((tokenId) => otherHost.hits.has(tokenId)), { timeout: 20_000 });
    other.start();
    await vi.waitUntil(async () => (await workers()).length === 2, { timeout: 20_000 });
    open();
    await vi.waitUntil(
      async () => {
        for (const worker of [test.worker, other]) worker.wake();
        return (await readRefresh(test.app, project, refreshId))['status'] === 'completed';
      },
      { timeout: 20_000 },
    );
    await Promise.all([test.worker.stop(), other.stop()]);

    expect([...otherHost.hits.values()]).toEqual(ids(600).map(() => 1));
    await expectSucceeded(test.app, project, refreshId, 600);
  });

  it('a fetch is made for every new refresh, also for a token that was fetched a moment ago [H2, H4]', async () => {
    const project = await test.aProject({ tokens: ['1', '2'] });
    const first = await requestRefresh(test.app, project, ['1']);
    await test.worker.runOnce();

    const second = await requestRefresh(test.app, project, ['1', '2']);
    await test.worker.runOnce();

    await expectSucceeded(test.app, project, first, 1);
    await expectSucceeded(test.app, project, second, 2);
    expect([test.metadataApi.hits.get('1'), test.metadataApi.hits.get('2')]).toEqual([2, 1]);
  });
});
