import { randomUUID } from 'node:crypto';
import { MetadataHost } from '@app/testing';
import { Client } from 'pg';
import { holdRows } from './support/held-rows.js';
import { untilLockWaits } from './support/lock-waits.js';
import { stopMonotonicClock } from './support/monotonic-clock.js';
import { expectSucceeded, readRefresh, requestRefresh } from './support/project-api.js';
import { countMetadataRequests, startApp, type TestApp, type TestProject } from './support/start-app.js';
import { ids } from './support/token-ids.js';

// Thousands of tokens take a minute on a busy machine.
vi.setConfig({ testTimeout: 180_000 });

let test: TestApp;
/** Each unknown to every worker at first, so that the first claims for it are small. */
let oneHost: MetadataHost;
let otherHost: MetadataHost;
let slowHost: MetadataHost;
beforeAll(async () => {
  [oneHost, otherHost, slowHost] = await Promise.all([
    MetadataHost.start(),
    MetadataHost.start(),
    MetadataHost.start(),
  ]);
  // Some responses are delayed until another event has happened.
  test = await startApp({ safeHttp: { deadlineMs: 20_000 } }, { otherHosts: [oneHost, otherHost, slowHost] });
});
afterAll(async () => {
  await test.stop();
  await Promise.all([oneHost, otherHost, slowHost].map((host) => host.close()));
});
afterEach(() => test.worker.stop());
beforeEach(() => {
  test.metadataApi.hits.clear();
  test.metadataApi.maxConcurrent = 0;
});

/** How many requests its host had seen when this token was asked for. */
function placeOf(tokenId: string): () => number {
  let place = 0;
  const before = () => {
    place = test.metadataApi.totalHits;
    return Promise.resolve();
  };
  test.metadataApi.script(tokenId, { before, status: 200, body: { name: `Token ${tokenId}` } });
  return () => place;
}

const isCompleted = async (project: TestProject, refreshId: string) =>
  (await readRefresh(test.app, project, refreshId))['status'] === 'completed';

it('a worker continues while further refreshes of its project are being accepted', async () => {
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
    `insert into nft_metadata.refresh_chunks (refresh_id, lane_id, priority, due_at, token_ids)
     select $2, lane_id, priority, now(), token_ids from nft_metadata.refresh_chunks where refresh_id = $1`,
    [refreshId, further],
  );

  await test.worker.runOnce();

  await accepting.query('rollback');
  await accepting.end();
  await expectSucceeded(test.app, project, refreshId, 1);
});

describe('requests for one host', () => {
  it('among requests for one host, a single token does not wait behind a large request of its own project [H13]', async () => {
    const project = await test.aProject({ tokens: ids(1000) });
    const place = placeOf('999');
    const large = await requestRefresh(test.app, project, ids(998));
    const single = await requestRefresh(test.app, project, ['999']);

    await test.worker.runOnce();

    expect(place()).toBeLessThanOrEqual(32);
    await expectSucceeded(test.app, project, large, 998);
    await expectSucceeded(test.app, project, single, 1);
  });

  it('among requests for one host, those for a token in flight do not block others', async () => {
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
        return (await Promise.all(refreshIds.map((id) => isCompleted(project, id)))).every(Boolean);
      },
      { timeout: 10_000 },
    );
    await test.worker.stop();
    expect(test.metadataApi.hits.get('1')).toBe(2);
    for (const refreshId of refreshIds) await expectSucceeded(test.app, project, refreshId, 1);
  });

  it('among requests for one host, thousands for a token in flight do not block another token', async () => {
    const project = await test.aProject({ tokens: ['1', '2'], metadataUrl: oneHost.url });
    let response = () => {};
    const before = () => new Promise<void>((done) => (response = done));
    oneHost.script('1', { before, status: 200, body: { name: 'One' } });
    const refreshId = await requestRefresh(test.app, project, ['1']);
    test.worker.start();
    await vi.waitUntil(() => oneHost.hits.has('1'), { timeout: 10_000 });
    // As if they had been requested one after the other.
    await test.database.query(
      `with refresh as (
         insert into nft_metadata.refreshes (id, project_id, collection_id, collection_address, source, total, created_at)
         select gen_random_uuid(), project_id, collection_id, collection_address, source, total, created_at
         from nft_metadata.refreshes cross join generate_series(1, 2000) where id = $1
         returning id
       )
       insert into nft_metadata.refresh_chunks (refresh_id, lane_id, priority, due_at, token_ids)
       select refresh.id, lane_id, priority, now(), token_ids
       from nft_metadata.refresh_chunks cross join refresh where refresh_id = $1`,
      [refreshId],
    );

    const other = await requestRefresh(test.app, project, ['2']);
    await vi.waitUntil(
      async () => {
        test.worker.wake();
        return isCompleted(project, other);
      },
      { timeout: 10_000, interval: 200 },
    );

    expect(oneHost.hits.get('1')).toBe(1);
    oneHost.script('1', { status: 200, body: { name: 'One' } });
    response();
    const pending = async () =>
      (
        await test.database.query('select from nft_metadata.refreshes where project_id = $1 and completed_at is null', [
          project.id,
        ])
      ).length;
    await vi.waitUntil(
      async () => {
        test.worker.wake();
        return (await pending()) === 0;
      },
      { timeout: 60_000, interval: 200 },
    );
    await test.worker.stop();
    expect(oneHost.hits.get('1')).toBe(2);
  });

  it('among requests for one host, a small one does not wait behind a large one, nor the large one behind many small ones [H14]', async () => {
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

  it('among requests for one host, a project does not wait behind another one, even one that is a hundred times larger [H14]', async () => {
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

it('a project does not wait until eight others are finished, the most that one claim serves', async () => {
  const tokensOf = (index: number) => ids(60, 1 + 100 * index);
  const projects: TestProject[] = [];
  const refreshIds: string[] = [];
  for (let index = 0; index < 9; index += 1) {
    const project = await test.aProject({ tokens: tokensOf(index), metadataUrl: slowHost.url });
    slowHost.respondSlowly(tokensOf(index), 20);
    projects.push(project);
    refreshIds.push(await requestRefresh(test.app, project, tokensOf(index)));
  }
  let hitsBefore = Infinity;
  for (const tokenId of tokensOf(8)) {
    const before = async () => void (hitsBefore = Math.min(hitsBefore, slowHost.totalHits));
    slowHost.script(tokenId, { before, status: 200, body: { name: `Token ${tokenId}` } });
  }

  await test.worker.runOnce();

  // The first claim for an unknown host is of 16 tokens.
  expect(hitsBefore).toBeLessThan(100);
  for (const [index, project] of projects.entries()) await expectSucceeded(test.app, project, refreshIds[index]!, 60);
});

describe('ten tokens beside thousands of another project', () => {
  /** While no result of it can be written: so many wait that nothing more is fetched. */
  const untilNothingIsFetched = ({ collectionAddress }: TestProject, hits: number) =>
    vi.waitUntil(
      () => {
        // The schedule of the service calls `wake` every second.
        test.worker.wake();
        return (
          test.metadataApi.totalHits > hits && test.metadataApi.trafficOf(`/${collectionAddress}`).concurrent === 0
        );
      },
      { timeout: 60_000 },
    );
  /** "no key": claims go on, which refer to the refreshes. */
  const holdWrites = (refreshIds: readonly string[]) =>
    holdRows(test, 'select from nft_metadata.refreshes where id = any($1) for no key update', [refreshIds]);

  it('a request for ten tokens does not wait until the results of thousands of others are written, however many there are', async () => {
    const [large, small] = [
      await test.aProject({ tokens: ids(4000) }),
      await test.aProject({ tokens: ids(10, 9001), metadataUrl: oneHost.url }),
    ];
    const bulk: string[] = [];
    for (const from of [1, 1001, 2001, 3001]) bulk.push(await requestRefresh(test.app, large, ids(1000, from)));
    const held = await holdWrites(bulk);
    test.worker.start();
    // Two batches that are being written, and as many results as may wait: those of two more.
    await untilNothingIsFetched(large, 1000);
    await untilLockWaits(test.database, { count: 2, statement: 'nft_metadata' });

    const refreshId = await requestRefresh(test.app, small, ids(10, 9001));
    await vi.waitUntil(() => isCompleted(small, refreshId), { timeout: 30_000 });
    const written = (await readRefresh(test.app, large, bulk[0]!))['summary'];

    await held.release();
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

  it('a request for ten tokens is fetched while bulk fetches pause, and batches of bulk results are small then', async () => {
    const [large, small] = [
      await test.aProject({ tokens: ids(5000) }),
      await test.aProject({ tokens: ids(30, 9001), metadataUrl: oneHost.url }),
    ];
    const bulk: string[] = [];
    for (const from of [1, 1001, 2001, 3001, 4001]) bulk.push(await requestRefresh(test.app, large, ids(1000, from)));
    const written = async () =>
      (await test.database.query('select from nft_metadata.refresh_results where refresh_id = any($1)', [bulk])).length;
    let held = await holdWrites(bulk);
    test.worker.start();
    await untilNothingIsFetched(large, 1000);
    await untilLockWaits(test.database, { count: 2, statement: 'nft_metadata' });
    test.metadataApi.hold();

    {
      // No pause ends because its time is over, and no result has waited long enough: batches are full.
      using _ = stopMonotonicClock();
      await held.release();
      await vi.waitUntil(
        async () => test.metadataApi.heldCount === 8 && test.metadataApi.totalHits - 8 - (await written()) < 500,
        { timeout: 30_000 },
      );

      // Of each of the ten: how many bulk fetches began between the acceptance and its own response.
      const bulkFetches: number[] = [];
      for (const from of [9001, 9011, 9021]) {
        const before = test.metadataApi.totalHits;
        const count = async () => void bulkFetches.push(test.metadataApi.totalHits - before);
        for (const id of ids(10, from)) oneHost.script(id, { before: count, status: 200, body: { name: id } });
        oneHost.hold();
        const refreshId = await requestRefresh(test.app, small, ids(10, from));
        await vi.waitUntil(() => oneHost.heldCount === 8, { timeout: 30_000 });
        const responses = countMetadataRequests(test.app);
        test.metadataApi.respondToHeld(8, { status: 200, body: { name: 'Bulk' } });
        await vi.waitUntil(() => countMetadataRequests(test.app) === responses + 8, { timeout: 30_000 });
        oneHost.releaseHeld();
        await vi.waitUntil(() => isCompleted(small, refreshId), { timeout: 30_000 });
        // The pause has ended.
        await vi.waitUntil(() => test.metadataApi.heldCount === 8, { timeout: 30_000 });
      }
      expect(bulkFetches).toEqual(Array<number>(30).fill(0));

      // One batch that is being written, and as many results as may wait: those of two more.
      held = await holdWrites(bulk);
      const before = await written();
      test.metadataApi.releaseHeld();
      await untilNothingIsFetched(large, before + 256);
      await untilLockWaits(test.database, { count: 1, statement: 'nft_metadata' });
      await held.release();
      await vi.waitUntil(async () => (await written()) > before + 256, { timeout: 30_000 });
    }
    const batches = await test.database.query<{ tokens: number }>(
      `select count(*)::int as tokens from nft_metadata.refresh_results
       where refresh_id = any($1) and finished_at >
         (select max(created_at) from nft_metadata.refreshes where project_id = $2)
       group by finished_at`,
      [bulk, small.id],
    );
    await vi.waitUntil(
      async () => {
        test.worker.wake();
        return (await Promise.all(bulk.map((id) => isCompleted(large, id)))).every(Boolean);
      },
      { timeout: 60_000, interval: 200 },
    );
    await test.worker.stop();

    expect(batches.length).toBeGreaterThan(2);
    expect(batches.filter(({ tokens }) => tokens > 128)).toEqual([]);
  });

  it('a request for ten tokens does not wait until thousands of others are claimed', async () => {
    const [large, small] = [
      await test.aProject({ tokens: ids(1000), metadataUrl: otherHost.url }),
      await test.aProject({ tokens: ids(10, 9001), metadataUrl: oneHost.url }),
    ];
    const bulk = await requestRefresh(test.app, large, ids(1000));
    // The first claim for a host is of some tokens of a chunk. It waits, because the chunk of the others refers to the refresh.
    const held = await holdRows(test, 'select from nft_metadata.refreshes where id = $1 for update', [bulk]);
    test.worker.start();
    await untilLockWaits(test.database, { count: 1, statement: 'insert into nft_metadata.refresh_chunks' });

    const refreshId = await requestRefresh(test.app, small, ids(10, 9001));
    await vi.waitUntil(() => isCompleted(small, refreshId), { timeout: 30_000 });
    const hits = otherHost.totalHits;

    await held.release();
    await vi.waitUntil(() => isCompleted(large, bulk), { timeout: 30_000, interval: 200 });
    await test.worker.stop();
    expect(hits).toBe(0);
    await expectSucceeded(test.app, small, refreshId, 10);
    await expectSucceeded(test.app, large, bulk, 1000);
  });
});
