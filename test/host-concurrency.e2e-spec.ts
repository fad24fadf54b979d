import { RefreshWorker } from '@app/metadata-refresh';
import { MetadataHost } from '@app/testing';
import { Collections } from '@app/token-store';
import { expectSucceeded, readRefresh, requestRefresh } from './support/project-api.js';
import { countMetadataRequests, startApp, type TestApp } from './support/start-app.js';
import { ids } from './support/token-ids.js';

let test: TestApp;
let hangingHost: MetadataHost;
/** Unknown to every worker at first, so that the first claims for it are small. */
let oneHost: MetadataHost;
beforeAll(async () => {
  hangingHost = await MetadataHost.start();
  oneHost = await MetadataHost.start();
  // Some responses are delayed until another event has happened.
  test = await startApp({ safeHttp: { deadlineMs: 20_000 } }, { otherHosts: [hangingHost, oneHost] });
});
afterAll(async () => {
  await test.stop();
  await hangingHost.close();
  await oneHost.close();
});
beforeEach(() => {
  test.metadataApi.hits.clear();
  test.metadataApi.maxConcurrent = 0;
});

describe('metadata hosts', () => {
  it('a metadata host receives at most eight concurrent requests from two workers together [H15]', async () => {
    const project = await test.aProject({ tokens: ids(400) });
    test.metadataApi.respondSlowly(ids(400), 80);
    const refreshId = await requestRefresh(test.app, project, ids(400));
    const processes = [test.app, await test.anotherProcess()];
    const workers = processes.map((process) => process.get(RefreshWorker));
    const before = processes.map(countMetadataRequests);

    for (const worker of workers) worker.start();
    await vi.waitUntil(
      async () => {
        for (const worker of workers) worker.wake();
        return (await readRefresh(test.app, project, refreshId))['status'] === 'completed';
      },
      { timeout: 50_000, interval: 100 },
    );
    await Promise.all(workers.map((worker) => worker.stop()));

    const [one, other] = processes.map((process, index) => countMetadataRequests(process) - before[index]!);
    expect(test.metadataApi.totalHits).toBe(400);
    expect([one! > 0, other! > 0, one! + other!]).toEqual([true, true, 400]);
    expect(test.metadataApi.maxConcurrent).toBe(8);
  });

  it('a metadata host receives at most as many concurrent requests as the operator has set for its collection [H15]', async () => {
    const project = await test.aProject({ tokens: ids(60) });
    await test.database.query('update nft_metadata.collections set host_concurrency = 3 where id = $1', [
      project.collectionId,
    ]);
    test.metadataApi.respondSlowly(ids(60), 10);
    const refreshId = await requestRefresh(test.app, project, ids(60));

    await test.worker.runOnce();

    await expectSucceeded(test.app, project, refreshId, 60);
    expect(test.metadataApi.maxConcurrent).toBe(3);
    await test.database.query('update nft_metadata.lanes set host_concurrency = null');
  });

  it('a metadata host with a limit of one request is used by one worker: another one releases its tokens at once', async () => {
    const project = await test.aProject({ tokens: ids(40), metadataUrl: oneHost.url });
    await test.database.query('update nft_metadata.collections set host_concurrency = 1 where id = $1', [
      project.collectionId,
    ]);
    oneHost.respondSlowly(ids(40), 50);
    const refreshId = await requestRefresh(test.app, project, ids(40));
    const other = await test.anotherWorker();
    const released = () =>
      test.database.query<{ is_due: boolean }>(
        `select due_at <= now() as is_due from nft_metadata.refresh_chunks
         where refresh_id = $1 and claim_count > 0 and attempt_count = 0 and not is_claimed`,
        [refreshId],
      );
    oneHost.hold();

    test.worker.start();
    await vi.waitUntil(() => oneHost.heldCount === 1, { timeout: 10_000 });
    other.start();
    // While the one request is open that the host may receive: no token can start, and no lease has ended.
    await vi.waitUntil(async () => (await released()).length > 0, { timeout: 10_000 });
    expect([oneHost.totalHits, oneHost.heldCount]).toEqual([1, 1]);
    expect((await released()).filter(({ is_due }) => !is_due)).toEqual([]);
    oneHost.releaseHeld();
    await test.worker.stop();
    await vi.waitUntil(
      async () => {
        other.wake();
        return (await readRefresh(test.app, project, refreshId))['status'] === 'completed';
      },
      { timeout: 30_000, interval: 100 },
    );
    await other.stop();

    await expectSucceeded(test.app, project, refreshId, 40);
    expect(oneHost.maxConcurrent).toBe(1);
  });

  it('the limit of a metadata host cannot be out of range', async () => {
    const collections = test.app.get(Collections);
    const source = { kind: 'metadata_api', url: test.metadataApi.url } as const;
    const wrong = { chainId: 1, address: `0x${'12'.repeat(20)}`, projectId: 'p', source, hostConcurrency: 0 };

    await expect(collections.add(wrong)).rejects.toThrow('Host concurrency 0 is not a whole number from 1 to 1000.');
  });

  it('a metadata host that hangs does not slow down another one, however many tokens wait for it [H12]', async () => {
    const [slow, quick] = [
      await test.aProject({ tokens: ids(3000, 5000), metadataUrl: `${hangingHost.url}/hangs` }),
      await test.aProject({ tokens: ids(40) }),
    ];
    const hanging: string[] = [];
    for (const from of [5000, 6000, 7000]) hanging.push(await requestRefresh(test.app, slow, ids(1000, from)));
    test.worker.start();
    await vi.waitUntil(() => hangingHost.trafficOf('/hangs').concurrent === 8, { timeout: 10_000 });
    test.metadataApi.hold();

    const refreshId = await requestRefresh(test.app, quick, ids(40));
    await vi.waitUntil(() => test.metadataApi.heldCount === 8, { timeout: 10_000 });
    const meanwhile = hangingHost.trafficOf('/hangs').concurrent;
    test.metadataApi.releaseHeld();
    await vi.waitUntil(async () => (await readRefresh(test.app, quick, refreshId))['status'] === 'completed', {
      timeout: 10_000,
    });
    await test.worker.stop();

    expect(meanwhile).toBe(8);
    await expectSucceeded(test.app, quick, refreshId, 40);
    for (const id of hanging)
      expect(await readRefresh(test.app, slow, id)).toMatchObject({ summary: { pending: 1000 } });
    expect([hangingHost.maxConcurrent, test.metadataApi.maxConcurrent]).toEqual([8, 8]);
    await test.database.query(`delete from nft_metadata.refreshes where id = any($1)`, [hanging]);
  });
});
