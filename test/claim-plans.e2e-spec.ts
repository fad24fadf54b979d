import { expectSucceeded, requestRefresh } from './support/project-api.js';
import { startApp, type TestApp } from './support/start-app.js';
import { captureStatements, explainLargestStep, explainReads } from './support/statements.js';
import { ids } from './support/token-ids.js';

let test: TestApp;
beforeAll(async () => {
  test = await startApp();
});
afterAll(() => test.stop());

const claimStatements = async () => {
  const statements = await captureStatements(() => test.worker.runOnce());
  return statements.filter(({ text }) => /set_config|refresh_chunks/.test(text));
};

it('a claim never reads finished tokens, and no more chunks than it needs, when statistics are older than the queue', async () => {
  const [busy, project] = [await test.aProject({ tokens: ids(10) }), await test.aProject({ tokens: ids(10) })];
  // Two lanes of one host. Autovacuum has analysed the table while it was empty.
  await test.database.query('analyze nft_metadata.refresh_chunks');
  const blocked = await requestRefresh(test.app, busy, ids(10));
  const refreshId = await requestRefresh(test.app, project, ids(10));
  await test.database.query(
    `insert into nft_metadata.refresh_chunks (refresh_id, lane_id, priority, due_at, is_claimed, token_ids)
     select refresh_id, lane_id, priority, now() + interval '1 hour', number % 2 = 0, array[number::numeric]
     from nft_metadata.refresh_chunks cross join generate_series(100000, 120000) as number where refresh_id = $1`,
    [blocked],
  );
  await test.database.query(
    `insert into nft_metadata.refresh_results (refresh_id, finished_at, attempts, verdict, token_id)
     select $1, now(), 1, 'u', number from generate_series(1, 100000) as number`,
    [blocked],
  );
  await test.database.query(`delete from nft_metadata.refresh_chunks where refresh_id = $1 and first_token_id < 100`, [
    blocked,
  ]);

  const statements = await claimStatements();
  await expectSucceeded(test.app, project, refreshId, 10);
  // The chunk is due again, to explain the same statements.
  await requestRefresh(test.app, project, ids(10));
  const reads = await explainReads(test.database.url, statements);

  expect(reads.filter(({ table }) => table === 'refresh_results').map(({ rows }) => rows)).toEqual([]);
  const chunks = reads.filter(({ table }) => table === 'refresh_chunks');
  expect(chunks.length).toBeGreaterThan(2);
  expect(Math.max(...chunks.map(({ rows }) => rows))).toBeLessThan(100);
  await test.database.query('delete from nft_metadata.refreshes where id = $1', [blocked]);
});

it.each(['older than the queue', 'new'])(
  'a claim reads the refreshes of a collection that is being revealed, and no others that are pending, when statistics are %s',
  async (statistics) => {
    const [revealed, project] = [await test.aProject({ tokens: ['1'] }), await test.aProject({ tokens: ['1'] })];
    const finished = await requestRefresh(test.app, project, ['1']);
    await test.worker.runOnce();
    // Autovacuum has analysed the table while no refresh was pending.
    await test.database.query('analyze nft_metadata.refreshes');
    await requestRefresh(test.app, revealed, ['1']);
    await test.database.query(
      `insert into nft_metadata.refreshes (id, project_id, collection_id, collection_address, source, total, created_at)
       select gen_random_uuid(), project_id, gen_random_uuid(), collection_address, source, 1, created_at
       from nft_metadata.refreshes cross join generate_series(1, 20000) where id = $1`,
      [finished],
    );
    await test.database.query(
      `insert into nft_metadata.reveals (
         id, project_id, collection_id, collection_address, refresh_id, job, publish, min_succeeded, total, created_at, expires_at
       ) values (gen_random_uuid(), $1, $2, $3, gen_random_uuid(), 'publish', 'manual', 1, 1, now(), now() + interval '1 day')`,
      [revealed.id, revealed.collectionId, revealed.collectionAddress],
    );
    if (statistics === 'new') await test.database.query('analyze nft_metadata.refreshes');
    test.metadataApi.hits.clear();

    const refreshId = await requestRefresh(test.app, project, ['1']);
    const statements = await claimStatements();
    await expectSucceeded(test.app, project, refreshId, 1);
    const hits = test.metadataApi.totalHits;
    // The chunk is due again, to explain the same statements.
    await requestRefresh(test.app, project, ['1']);
    const reads = await explainReads(test.database.url, statements);

    expect(hits).toBe(1);
    const pending = reads.filter(({ table }) => table === 'refreshes');
    expect(pending.map(({ index }) => index)).toContain('refreshes_pending');
    expect(Math.max(...pending.map(({ rows }) => rows))).toBeLessThan(100);
    await test.database.query('delete from nft_metadata.reveals where collection_id = $1', [revealed.collectionId]);
    await test.database.query('delete from nft_metadata.refreshes where project_id = any($1)', [
      [revealed.id, project.id],
    ]);
  },
);

/** Refreshes with chunks of one token each. All are of the project of `refreshId`, and of its collection unless it says `isOther`. */
const addRefreshes = async (
  refreshId: string,
  count: number,
  {
    chunks,
    isOther = false,
    isClaimed = false,
    isDeferred = false,
    due,
  }: { chunks: number; isOther?: boolean; isClaimed?: boolean; isDeferred?: boolean; due: string },
) =>
  test.database.query(
    `with refresh as (
       insert into nft_metadata.refreshes (id, project_id, collection_id, collection_address, source, total, created_at)
       select gen_random_uuid(), project_id, case when $4 then gen_random_uuid() else collection_id end, collection_address, source, $3::int,
         created_at
       from nft_metadata.refreshes cross join generate_series(1, $2::int) where id = $1
       returning id, project_id
     )
     insert into nft_metadata.refresh_chunks (refresh_id, lane_id, priority, due_at, is_claimed, is_deferred, token_ids)
     select refresh.id, lane.id, 2, now() + $6::interval, $5, $7, array[number::numeric]
     from refresh join nft_metadata.lanes as lane using (project_id) cross join generate_series(1, $3::int) as number`,
    [refreshId, count, chunks, isOther, isClaimed, due, isDeferred],
  );

it('a claim reads the chunks in flight, and not all chunks of the refreshes of their collections, when statistics are older than the queue', async () => {
  const project = await test.aProject({ tokens: ['1'] });
  const refreshId = await requestRefresh(test.app, project, ['1']);
  const statements = await claimStatements();
  // Autovacuum has analysed the tables while many chunks were being fetched, and each collection had one refresh.
  await addRefreshes(refreshId, 3000, { chunks: 10, isOther: true, due: '1 hour' });
  await addRefreshes(refreshId, 100, { chunks: 50, isOther: true, isClaimed: true, due: '1 hour' });
  await test.database.query('analyze nft_metadata.refreshes, nft_metadata.refresh_chunks');
  await test.database.query('delete from nft_metadata.refresh_chunks where is_claimed');
  await addRefreshes(refreshId, 200, { chunks: 50, due: '1 hour' });
  await addRefreshes(refreshId, 1, { chunks: 1, isClaimed: true, due: '1 hour' });
  await requestRefresh(test.app, project, ['1']);

  const reads = await explainReads(test.database.url, statements);

  const chunks = reads.filter(({ table }) => table === 'refresh_chunks');
  expect(chunks.length).toBeGreaterThan(4);
  expect(Math.max(...chunks.map(({ rows }) => rows))).toBeLessThan(100);
  await test.database.query('delete from nft_metadata.refreshes where project_id = $1', [project.id]);
});

it('a claim locks the chunks that it takes without reading the others that are due', async () => {
  const project = await test.aProject({ tokens: ['1'] });
  const refreshId = await requestRefresh(test.app, project, ['1']);
  const statements = await claimStatements();
  await addRefreshes(refreshId, 20, { chunks: 1000, due: '-1 second' });
  await test.database.query('analyze nft_metadata.refreshes, nft_metadata.refresh_chunks');

  const reads = await explainReads(test.database.url, statements);

  const chunks = reads.filter(({ table }) => table === 'refresh_chunks');
  expect(chunks.length).toBeGreaterThan(4);
  // The most tokens of one claim are 1,024.
  expect(Math.max(...chunks.map(({ rows }) => rows))).toBeLessThan(2000);
  await test.database.query('delete from nft_metadata.refreshes where project_id = $1', [project.id]);
});

it('a claim reads only the first of the chunks that are deferred', async () => {
  const project = await test.aProject({ tokens: ['1'] });
  const refreshId = await requestRefresh(test.app, project, ['1']);
  const statements = await claimStatements();
  await addRefreshes(refreshId, 20, { chunks: 1000, isDeferred: true, due: '1 minute' });
  await requestRefresh(test.app, project, ['1']);

  const reads = await explainReads(test.database.url, statements);

  const chunks = reads.filter(({ table }) => table === 'refresh_chunks');
  expect(chunks.map(({ index }) => index)).toContain('refresh_chunks_deferred');
  expect(Math.max(...chunks.map(({ rows }) => rows))).toBeLessThan(300);
  await test.database.query('delete from nft_metadata.refreshes where project_id = $1', [project.id]);
});

it('a claim does not read the chunks that wait for a retry, when statistics are of a time at which all were deferred', async () => {
  const project = await test.aProject({ tokens: ['1'] });
  const refreshId = await requestRefresh(test.app, project, ['1']);
  const statements = await claimStatements();
  await addRefreshes(refreshId, 20, { chunks: 1000, isDeferred: true, due: '1 minute' });
  await test.database.query('analyze nft_metadata.refreshes, nft_metadata.refresh_chunks');
  await test.database.query('delete from nft_metadata.refresh_chunks where is_deferred');
  await addRefreshes(refreshId, 20, { chunks: 1000, due: '1 minute' });
  await requestRefresh(test.app, project, ['1']);

  const reads = await explainReads(test.database.url, statements);

  const chunks = reads.filter(({ table }) => table === 'refresh_chunks');
  expect(chunks.map(({ index }) => index)).toContain('refresh_chunks_deferred');
  expect(Math.max(...chunks.map(({ rows }) => rows))).toBeLessThan(100);
  await test.database.query('delete from nft_metadata.refreshes where project_id = $1', [project.id]);
});

it('a claim goes through the tokens in flight once, not once for each refresh that waits', async () => {
  const project = await test.aProject({ tokens: ['1'] });
  const refreshId = await requestRefresh(test.app, project, ['1']);
  const statements = await claimStatements();
  // Refreshes of one token each: half of them are being fetched.
  await test.database.query(
    `with refresh as (
       insert into nft_metadata.refreshes (id, project_id, collection_id, collection_address, source, total, created_at)
       select gen_random_uuid(), project_id, collection_id, collection_address, source, 1, created_at
       from nft_metadata.refreshes cross join generate_series(1, 10000) where id = $1
       returning id
     )
     insert into nft_metadata.refresh_chunks (refresh_id, lane_id, priority, due_at, is_claimed, token_ids)
     select refresh.id, lane.id, 0, now() + case when number % 2 = 0 then interval '-1 second' else interval '1 minute' end,
       number % 2 = 1, array[(number * 7919) % 10007]
     from (select id, row_number() over () as number from refresh) as refresh
     cross join (select id from nft_metadata.lanes where project_id = $2) as lane`,
    [refreshId, project.id],
  );

  expect(await explainLargestStep(test.database.url, statements)).toBeLessThan(20_000);

  await test.database.query('delete from nft_metadata.refreshes where project_id = $1', [project.id]);
});
