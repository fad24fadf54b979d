import { RefreshWorker } from '@app/metadata-refresh';
import { MetadataHost } from '@app/testing';
import { expectSucceeded, readRefresh, requestRefresh } from './support/project-api.js';
import { countMetadataRequests, startApp, type TestApp, type TestProject } from './support/start-app.js';
import { holdClaims } from './support/held-claims.js';
import { ids } from './support/token-ids.js';

/** Each test has one that no worker has asked yet. */
let host: MetadataHost;
let test: TestApp;
const prepare = async (deadlineMs: number) => {
  host = await MetadataHost.start();
  test = await startApp({ safeHttp: { deadlineMs } }, { otherHosts: [host] });
};
afterEach(async () => {
  host.releaseHeld();
  await test.stop();
  await host.close();
});

const aProject = (tokens: readonly string[]) => test.aProject({ tokens, metadataUrl: `${host.url}/tokens` });
const until = (condition: () => boolean | Promise<boolean>) =>
  vi.waitUntil(condition, { timeout: 20_000, interval: 20 });
/** Requests that ended so, as far as their results are written. */
async function written(reason: string): Promise<number> {
  const rows = await test.database.query('select from nft_metadata.refresh_attempts where reason = $1', [reason]);
  return rows.length;
}

describe('a limit of 32 concurrent requests', () => {
  /** A refresh of a thousand tokens that has got as far as that, and the 32 wait for their answers. */
  async function growTo32(): Promise<{ project: TestProject; refreshId: string }> {
    const project = await aProject(ids(1000));
    await test.database.query('update nft_metadata.collections set host_concurrency = 32');
    // As a host that is a little away: long enough that requests meet.
    const before = () => new Promise<void>((done) => setTimeout(done, 20));
    for (const tokenId of ids(1000)) host.script(tokenId, { before, status: 200, body: { name: `Token ${tokenId}` } });
    const refreshId = await requestRefresh(test.app, project, ids(1000));
    test.worker.start();
    await until(() => host.maxConcurrent === 32);
    host.hold();
    await until(() => host.heldCount === 32);
    return { project, refreshId };
  }

  it('a host with a limit of 32 concurrent requests receives 32 while it responds quickly, half as many after each round of 503, and then more again', async () => {
    await prepare(20_000);
    const { project, refreshId } = await growTo32();
    const most = [host.maxConcurrent];

    for (const [expected, completed] of [
      [16, 32],
      [8, 48],
    ] as const) {
      const throttledAt = performance.now();
      host.respondToHeld(32, { status: 503, body: '' });
      await until(async () => host.heldCount >= expected && (await written('status_503')) >= completed);
      most.push(host.maxConcurrentSince(throttledAt));
    }
    const quickAt = performance.now();
    host.releaseHeld();

    await until(() => host.maxConcurrentSince(quickAt) > 8);
    await until(async () => {
      test.worker.wake();
      return (await readRefresh(test.app, project, refreshId))['status'] === 'completed';
    });
    await test.worker.stop();
    expect(most).toEqual([32, 16, 8]);
    await expectSucceeded(test.app, project, refreshId, 1000);
  });

  it('a host with a limit of 32 concurrent requests receives half as many after a round of timeouts, and then more again', async () => {
    await prepare(2000);
    await growTo32();
    const most = [host.maxConcurrent];

    const hangsSince = performance.now();
    await until(async () => host.maxConcurrentSince(hangsSince) >= 16 && (await written('timeout')) >= 32);
    most.push(host.maxConcurrentSince(hangsSince));
    const quickAt = performance.now();
    host.releaseHeld();

    await until(() => host.maxConcurrentSince(quickAt) > 16);
    await test.worker.stop();
    expect(most).toEqual([32, 16]);
  });
});

describe('429 and a Retry-After of 40 seconds', () => {
  const notNow = { status: 429, body: '', headers: { 'retry-after': '40' } };
  const fine = { status: 200, body: { name: 'Fine' } };
  const isResting = async () => {
    const rows = await test.database.query(
      'select from nft_metadata.metadata_hosts where host = $1 and cooldown_until > now()',
      [host.host],
    );
    return rows.length === 1;
  };
  /** The rest of its tokens, and no more than the eight that were asked for before. */
  async function expectAskedAfterItsRest(project: TestProject, refreshId: string, count: number): Promise<void> {
    host.releaseHeld();
    await test.worker.runOnce();
    const asked = host.totalHits;
    await test.database.advance(40);
    await test.worker.runOnce();
    await test.worker.stop();

    expect(asked).toBe(8);
    await expectSucceeded(test.app, project, refreshId, count);
  }
  beforeEach(async () => {
    await prepare(20_000);
    // Pauses are counted to the second.
    await test.database.freezeTime();
  });

  it('a host that responds with 429 and a Retry-After receives no request from any worker until then, also for tokens that they have claimed', async () => {
    const project = await aProject(ids(100));
    const processes = [test.app, await test.anotherProcess()];
    const workers = processes.map((process) => process.get(RefreshWorker));
    /** Each of them has announced that it asks this host since the time was moved. */
    const haveAnnounced = async () => {
      for (const worker of workers) worker.wake();
      const rows = await test.database.query(
        'select from nft_metadata.host_workers where host = $1 and last_heartbeat_at = clock_timestamp()',
        [host.host],
      );
      return rows.length === workers.length;
    };
    host.hold();
    const refreshId = await requestRefresh(test.app, project, ids(100));
    for (const worker of workers) worker.start();
    await until(haveAnnounced);
    // Then the second one may ask, too.
    await test.database.advance(3);
    await until(haveAnnounced);
    for (let round = 0; round < 2; round += 1) {
      host.respondToHeld(Infinity, fine);
      await until(() => host.heldCount === 8);
    }
    expect(processes.map((process) => countMetadataRequests(process) > 0)).toEqual([true, true]);
    const asked = host.totalHits;

    host.respondToHeld(1, notNow);
    await until(async () => (await isResting()) && (await written('status_429')) === 1);
    await test.database.advance(1);
    await until(haveAnnounced);
    host.releaseHeld();
    await Promise.all(workers.map((worker) => worker.runOnce()));
    await test.database.advance(38);
    await Promise.all(workers.map((worker) => worker.runOnce()));
    const askedMeanwhile = host.totalHits - asked;
    await test.database.advance(1);
    // Who has been away from a host has to be known there for a while again.
    await test.database.unfreezeTime();
    await until(async () => {
      for (const worker of workers) worker.wake();
      return (await readRefresh(test.app, project, refreshId))['status'] === 'completed';
    });
    await Promise.all(workers.map((worker) => worker.stop()));

    expect(askedMeanwhile).toBe(0);
    expect(host.totalHits).toBe(101);
    await expectSucceeded(test.app, project, refreshId, 100);
  });

  it('a host in cooldown receives no request for tokens that its worker has buffered', async () => {
    const project = await aProject(ids(100));
    host.hold();
    const refreshId = await requestRefresh(test.app, project, ids(100));
    test.worker.start();
    await until(() => host.heldCount === 8);

    host.respondToHeld(1, notNow);
    await until(isResting);
    await expectAskedAfterItsRest(project, refreshId, 100);
  });

  it('a host in cooldown receives no request for tokens that were being claimed meanwhile', async () => {
    const project = await aProject(ids(9));
    const refreshId = await requestRefresh(test.app, project, ids(9));
    await test.database.query(
      `with split as (
         update nft_metadata.refresh_chunks set token_ids = array_remove(token_ids, 9) where refresh_id = $1 returning *
       )
       insert into nft_metadata.refresh_chunks (refresh_id, lane_id, priority, due_at, token_ids)
       select refresh_id, lane_id, priority, now() + interval '2 seconds', '{9}' from split`,
      [refreshId],
    );
    await using claims = await holdClaims(test.database, '9');
    const isClaiming = async () => {
      test.worker.wake();
      return claims.isOneWaiting();
    };
    host.hold();
    test.worker.start();
    await until(() => host.heldCount === 8);
    await test.database.advance(2);
    await until(isClaiming);

    host.respondToHeld(1, notNow);
    host.respondToHeld(5, fine);
    await until(isResting);
    await claims.release();
    await until(async () => {
      const rows = await test.database.query(
        `select from nft_metadata.refresh_chunks where token_ids = '{9}' and claim_count > 0`,
      );
      return rows.length > 0;
    });
    await expectAskedAfterItsRest(project, refreshId, 9);
  });
});
