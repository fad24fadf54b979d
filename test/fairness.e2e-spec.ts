import { randomUUID } from 'node:crypto';
import { Client } from 'pg';
import { RefreshWorker } from '@app/metadata-refresh';
import { Collections } from '@app/token-store';
import { MetadataHost } from './support/metadata-host.js';
import { expectSucceeded, readRefresh, requestRefresh } from './support/project-api.js';
import { countMetadataRequests, startApp, type TestApp, type TestProject } from './support/start-app.js';

let test: TestApp;
let hangingHost: MetadataHost;
/** Of which no worker knows yet how quick they are: little of them is claimed at first. */
let oneHost: MetadataHost;
let otherHost: MetadataHost;
beforeAll(async () => {
  hangingHost = await MetadataHost.start();
  oneHost = await MetadataHost.start();
  otherHost = await MetadataHost.start();
  // Answers are held back here until something else has happened.
  test = await startApp({ safeHttp: { deadlineMs: 20_000 } }, { otherHosts: [hangingHost, oneHost, otherHost] });
});
afterAll(async () => {
  await test.stop();
  await hangingHost.close();
  await oneHost.close();
  await otherHost.close();
});
beforeEach(() => {
  test.metadataApi.hits.clear();
  test.metadataApi.maxConcurrent = 0;
});

const ids = (count: number, from = 1) => Array.from({ length: count }, (_, index) => String(from + index));
const hitsInAll = () => [...test.metadataApi.hits.values()].reduce((sum, hits) => sum + hits, 0);
/** As a host that is a little away: long enough that requests meet. */
function respondSlowly(tokenIds: readonly string[], milliseconds: number, host = test.metadataApi): void {
  const before = () => new Promise<void>((done) => setTimeout(done, milliseconds));
  for (const tokenId of tokenIds) {
    host.script(tokenId, { before, status: 200, body: { name: `Token ${tokenId}` } });
  }
}
/** How many requests its host had seen when this token was asked for. */
function placeOf(tokenId: string): () => number {
  let place = 0;
  const before = () => {
    place = hitsInAll();
    return Promise.resolve();
  };
  test.metadataApi.script(tokenId, { before, status: 200, body: { name: `Token ${tokenId}` } });
  return () => place;
}

describe('a metadata host', () => {
  it('sees at most eight requests at once, of two workers together [H15]', async () => {
    const project = await test.aProject({ tokens: ids(400) });
    respondSlowly(ids(400), 80);
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
      { timeout: 20_000 },
    );
    await Promise.all(workers.map((worker) => worker.stop()));

    const [one, other] = processes.map((process, index) => countMetadataRequests(process) - before[index]!);
    expect(hitsInAll()).toBe(400);
    expect([one! > 0, other! > 0, one! + other!]).toEqual([true, true, 400]);
    expect(test.metadataApi.maxConcurrent).toBe(8);
  });

  it('sees at most as many as the operator has said for its collection [H15]', async () => {
    const project = await test.aProject({ tokens: ids(60) });
    await test.database.query('update nft_metadata.collections set host_concurrency = 3 where id = $1', [
      project.collectionId,
    ]);
    respondSlowly(ids(60), 10);
    const refreshId = await requestRefresh(test.app, project, ids(60));

    await test.worker.runOnce();

    await expectSucceeded(test.app, project, refreshId, 60);
    expect(test.metadataApi.maxConcurrent).toBe(3);
    await test.database.query('update nft_metadata.lanes set host_concurrency = null');
  });

  it('that takes one request at once is left to one worker: what another one took is handed back at once', async () => {
    const project = await test.aProject({ tokens: ids(40), metadataUrl: oneHost.url });
    await test.database.query('update nft_metadata.collections set host_concurrency = 1 where id = $1', [
      project.collectionId,
    ]);
    respondSlowly(ids(40), 50, oneHost);
    const refreshId = await requestRefresh(test.app, project, ids(40));
    const other = await test.anotherWorker();
    const handedBack = () =>
      test.database.query('select from nft_metadata.refresh_items where refresh_id = $1 and release_count > 0', [
        refreshId,
      ]);

    test.worker.start();
    await vi.waitUntil(() => oneHost.hits.size > 0, { timeout: 10_000 });
    other.start();
    await vi.waitUntil(async () => (await handedBack()).length > 0, { timeout: 3000 });
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

  it('is not named with a number of requests that makes no sense', async () => {
    const collections = test.app.get(Collections);
    const source = { kind: 'metadata_api', url: test.metadataApi.url } as const;
    const wrong = { chainId: 1, address: `0x${'12'.repeat(20)}`, projectId: 'p', source, hostConcurrency: 0 };

    await expect(collections.add(wrong)).rejects.toThrow('Host concurrency 0 is not a whole number from 1 to 1000.');
  });

  it('that hangs holds up no other: while thousands wait for it, another one is asked for as much as it takes [H12]', async () => {
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

describe('one fetch', () => {
  it('serves every refresh that waits for the token, also when they were asked for at once [H1, H5]', async () => {
    const project = await test.aProject({ tokens: ids(20) });
    const asked = [ids(20), ids(10, 5), ['7', '8']];
    const refreshIds = await Promise.all(asked.map((tokenIds) => requestRefresh(test.app, project, tokenIds)));

    await test.worker.runOnce();

    expect(hitsInAll()).toBe(20);
    for (const [index, refreshId] of refreshIds.entries()) {
      await expectSucceeded(test.app, project, refreshId, asked[index]!.length);
    }
    const attempts = await test.database.query(
      'select from nft_metadata.refresh_attempts where collection_id = $1 and token_id = 7',
      [project.collectionId],
    );
    expect(attempts).toHaveLength(1);
  });

  it('fails every refresh that waits for the token, and gives each its error', async () => {
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

  it('is all that a token costs, however many workers there are [H6]', async () => {
    const project = await test.aProject({ tokens: ids(1000) });
    const refreshId = await requestRefresh(test.app, project, ids(1000));
    const other = await test.anotherWorker();

    await Promise.all([test.worker.runOnce(), other.runOnce()]);

    await vi.waitUntil(async () => (await readRefresh(test.app, project, refreshId))['status'] === 'completed');
    expect(hitsInAll()).toBe(1000);
    await expectSucceeded(test.app, project, refreshId, 1000);
  });

  it('is all that a token costs when a worker joins in the middle of the work [H16]', async () => {
    const project = await test.aProject({ tokens: ids(600), metadataUrl: otherHost.url });
    respondSlowly(ids(600), 20, otherHost);
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

  it('is made for whoever asks, also for a token that was fetched a moment ago [H2, H4]', async () => {
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

it('work goes on while further refreshes of its project are being accepted', async () => {
  const project = await test.aProject({ tokens: ['1'] });
  const refreshId = await requestRefresh(test.app, project, ['1']);
  const accepting = new Client({ connectionString: test.database.url });
  await accepting.connect();
  await accepting.query('begin');
  const further = randomUUID();
  await accepting.query(
    `insert into nft_metadata.refreshes (id, project_id, collection_id, collection_address, source, total, created_at)
     select $2, project_id, collection_id, collection_address, source, total, now()
     from nft_metadata.refreshes where id = $1`,
    [refreshId, further],
  );
  await accepting.query(
    `insert into nft_metadata.refresh_items (refresh_id, lane_id, token_id, due_at)
     select $2, lane_id, token_id, now() from nft_metadata.refresh_items where refresh_id = $1`,
    [refreshId, further],
  );

  await test.worker.runOnce();

  await accepting.query('rollback');
  await accepting.end();
  await expectSucceeded(test.app, project, refreshId, 1);
});

describe('among requests for one host', () => {
  it('a single token does not wait behind a large request of its own project [H13]', async () => {
    const project = await test.aProject({ tokens: ids(1000) });
    const place = placeOf('999');
    const large = await requestRefresh(test.app, project, ids(998));
    const single = await requestRefresh(test.app, project, ['999']);

    await test.worker.runOnce();

    expect(place()).toBeLessThanOrEqual(32);
    await expectSucceeded(test.app, project, large, 998);
    await expectSucceeded(test.app, project, single, 1);
  });

  it('those for a token that is being fetched are in the way of no other', async () => {
    const project = await test.aProject({ tokens: ['1', '2'] });
    let response = () => {};
    const before = () => new Promise<void>((done) => (response = done));
    test.metadataApi.script('1', { before, status: 200, body: { name: 'One' } });
    const refreshIds = [await requestRefresh(test.app, project, ['1'])];
    test.worker.start();
    await vi.waitUntil(() => test.metadataApi.hits.has('1'), { timeout: 10_000 });
    for (let time = 0; time < 60; time += 1) refreshIds.push(await requestRefresh(test.app, project, ['1']));

    refreshIds.push(await requestRefresh(test.app, project, ['2']));
    await vi.waitUntil(() => test.metadataApi.hits.has('2'), { timeout: 10_000 });

    expect(test.metadataApi.hits.get('1')).toBe(1);
    test.metadataApi.script('1', { status: 200, body: { name: 'One' } });
    response();
    await vi.waitUntil(
      async () => {
        test.worker.wake();
        return (await readRefresh(test.app, project, refreshIds[60]!))['status'] === 'completed';
      },
      { timeout: 10_000 },
    );
    await test.worker.stop();
    expect(test.metadataApi.hits.get('1')).toBe(2);
    for (const refreshId of refreshIds) await expectSucceeded(test.app, project, refreshId, 1);
  });

  it('a small one does not wait behind a large one, nor the large one behind many small ones [H14]', async () => {
    const project = await test.aProject({ tokens: ids(2000) });
    const large = await requestRefresh(test.app, project, ids(1000));
    const places = [placeOf('1050'), placeOf('500')];
    const small: string[] = [];
    for (let from = 1001; from < 1801; from += 50) {
      small.push(await requestRefresh(test.app, project, ids(50, from)));
    }

    await test.worker.runOnce();

    expect(places[0]!()).toBeLessThan(300);
    expect(places[1]!()).toBeLessThan(1400);
    for (const refreshId of small) await expectSucceeded(test.app, project, refreshId, 50);
    await expectSucceeded(test.app, project, large, 1000);
  });

  it('a project does not wait behind another one, were that a hundred times larger [H14]', async () => {
    const [first, second] = [
      await test.aProject({ tokens: ids(2000) }),
      await test.aProject({ tokens: ids(20, 3000) }),
    ];
    const large = [
      await requestRefresh(test.app, first, ids(1000)),
      await requestRefresh(test.app, first, ids(1000, 1001)),
    ];
    const place = placeOf('3019');
    const other = await requestRefresh(test.app, second, ids(20, 3000));

    await test.worker.runOnce();

    expect(place()).toBeLessThan(100);
    for (const refreshId of large) await expectSucceeded(test.app, first, refreshId, 1000);
    await expectSucceeded(test.app, second, other, 20);
  });
});

describe('a request for ten tokens beside thousands of another project', () => {
  /** Somebody else's transaction, which holds these rows until it is let go. */
  async function locking(statement: string, values: unknown[]): Promise<() => Promise<void>> {
    const client = new Client({ connectionString: test.database.url });
    await client.connect();
    await client.query('begin');
    await client.query(statement, values);
    return async () => {
      await client.query('rollback');
      await client.end();
    };
  }
  const statementsThatWait = async (part: string) =>
    (
      await test.database.query(
        `select from pg_stat_activity
         where datname = current_database() and wait_event_type = 'Lock' and position($1 in query) > 0`,
        [part],
      )
    ).length;
  const isCompleted = async (project: TestProject, refreshId: string) =>
    (await readRefresh(test.app, project, refreshId))['status'] === 'completed';

  it('does not wait until their results are written, however many of them wait', async () => {
    const [large, small] = [
      await test.aProject({ tokens: ids(4000) }),
      await test.aProject({ tokens: ids(10, 9001), metadataUrl: oneHost.url }),
    ];
    const bulk: string[] = [];
    for (const from of [1, 1001, 2001, 3001]) bulk.push(await requestRefresh(test.app, large, ids(1000, from)));
    const releaseHeld = await locking('select from nft_metadata.refreshes where id = any($1) for update', [bulk]);
    test.worker.start();
    // Two batches that are being written, and as many results as may wait.
    await vi.waitUntil(() => hitsInAll() > 2000, { timeout: 30_000 });
    await vi.waitUntil(async () => (await statementsThatWait('nft_metadata.refreshes')) === 2, { timeout: 10_000 });

    const refreshId = await requestRefresh(test.app, small, ids(10, 9001));
    await vi.waitUntil(() => isCompleted(small, refreshId), { timeout: 8000 });
    const written = (await readRefresh(test.app, large, bulk[0]!))['summary'];

    await releaseHeld();
    await vi.waitUntil(
      async () => {
        test.worker.wake();
        return (await Promise.all(bulk.map((id) => isCompleted(large, id)))).every(Boolean);
      },
      { timeout: 40_000, interval: 200 },
    );
    await test.worker.stop();
    expect(written).toMatchObject({ succeeded: 0 });
    await expectSucceeded(test.app, small, refreshId, 10);
    for (const id of bulk) await expectSucceeded(test.app, large, id, 1000);
  });

  it('is fetched while bulk fetches pause, and batches of bulk results are small then', async () => {
    const [large, small] = [
      await test.aProject({ tokens: ids(5000) }),
      await test.aProject({ tokens: ids(80, 9001), metadataUrl: oneHost.url }),
    ];
    const bulk: string[] = [];
    for (const from of [1, 1001, 2001, 3001, 4001]) bulk.push(await requestRefresh(test.app, large, ids(1000, from)));
    test.worker.start();
    await vi.waitUntil(() => hitsInAll() > 500, { timeout: 30_000, interval: 10 });

    // Of each request for ten: how many bulk fetches began between its acceptance and the last of its own fetches.
    const bulkFetches: number[] = [];
    for (let from = 9001; from < 9081 && hitsInAll() < 4500; from += 10) {
      const refreshId = await requestRefresh(test.app, small, ids(10, from));
      const before = hitsInAll();
      await vi.waitUntil(() => ids(10, from).every((id) => oneHost.hits.has(id)), { timeout: 8000, interval: 1 });
      bulkFetches.push(hitsInAll() - before);
      await vi.waitUntil(() => isCompleted(small, refreshId), { timeout: 8000 });
    }
    await vi.waitUntil(async () => (await Promise.all(bulk.map((id) => isCompleted(large, id)))).every(Boolean), {
      timeout: 40_000,
      interval: 200,
    });
    await test.worker.stop();

    // A busy machine takes longer than the longest pause now and then.
    expect(bulkFetches.length).toBeGreaterThanOrEqual(3);
    expect(bulkFetches.filter((count) => count === 0).length).toBeGreaterThanOrEqual(bulkFetches.length / 2);
    const batches = await test.database.query<{ tokens: number }>(
      `select count(*)::int as tokens from nft_metadata.refresh_items
       where refresh_id = any($1) and finished_at between
         (select min(created_at) from nft_metadata.refreshes where project_id = $2)
         and (select max(completed_at) from nft_metadata.refreshes where project_id = $2)
       group by finished_at`,
      [bulk, small.id],
    );
    // Two may have been in flight before.
    expect(batches.filter(({ tokens }) => tokens > 128).length).toBeLessThanOrEqual(2);
    expect(batches.length).toBeGreaterThan(4);
  });

  it('does not wait until they are claimed', async () => {
    const [large, small] = [
      await test.aProject({ tokens: ids(1000) }),
      await test.aProject({ tokens: ids(10, 9001), metadataUrl: oneHost.url }),
    ];
    const bulk = await requestRefresh(test.app, large, ids(1000));
    const releaseHeld = await locking('select from nft_metadata.refresh_items where refresh_id = $1 for update', [
      bulk,
    ]);
    test.worker.start();
    await vi.waitUntil(async () => (await statementsThatWait('with recursive active')) === 1, {
      timeout: 10_000,
    });

    const refreshId = await requestRefresh(test.app, small, ids(10, 9001));
    await vi.waitUntil(() => isCompleted(small, refreshId), { timeout: 8000 });
    const hits = hitsInAll();

    await releaseHeld();
    await vi.waitUntil(() => isCompleted(large, bulk), { timeout: 30_000, interval: 200 });
    await test.worker.stop();
    expect(hits).toBe(0);
    await expectSucceeded(test.app, small, refreshId, 10);
    await expectSucceeded(test.app, large, bulk, 1000);
  });
});
