import { CrashTest, waitUntil } from '../support/crash-test.js';
import { FullDisk } from '../support/full-disk.js';
import { killAt, killPoints, installCommitTriggers } from '../support/kill-points.js';
import { completeAfterLeaseExpired, shutDownGracefully } from '../support/worker-scenarios.js';
import { readRefresh, requestRefresh } from '../support/project-api.js';
import type { ServiceProcess } from '../support/service-process.js';

// A short cut of test/chaos, with the same means: `npm run test:chaos` has the rest, and more rounds.

let test: CrashTest;
let disk: FullDisk;
let api: ServiceProcess;
let worker: ServiceProcess;
beforeAll(async () => {
  test = await CrashTest.start();
  await installCommitTriggers(test);
  disk = await FullDisk.prepare(test.database);
  [api, worker] = await Promise.all([test.startProcess('api'), test.startProcess('worker')]);
});
afterAll(async () => test.stop());

describe('workers', () => {
  const some = ['in the middle of its claim, while its fetches are numbered', 'while its results are being committed'];

  it.each(some)('a worker killed %s loses nothing', async (place) => {
    worker = await killAt(
      test,
      api.url,
      worker,
      killPoints.find(({ name }) => name === place)!,
    );
  });

  it('a worker killed in the middle of its fetches is replaced by another one, and the lost claim is counted [H7]', async () => {
    worker = await killAt(
      test,
      api.url,
      worker,
      killPoints.find(({ name }) => name === 'after its requests are sent')!,
    );

    const { refreshId, tokenIds } = test.accepted.at(-1)!;
    const results = await test.database.query(
      'select verdict, attempts from nft_metadata.refresh_results where refresh_id = $1',
      [refreshId],
    );
    expect(results).toEqual(tokenIds.map(() => ({ verdict: 'u', attempts: 1 })));
    expect(await test.invariants.claimsOf(refreshId)).toEqual(tokenIds.map(() => ({ claims: 2, lost: 1 })));
    expect(tokenIds.map((tokenId) => test.metadataApi.hits.get(tokenId))).toEqual(tokenIds.map(() => 2));
  });

  it('a worker that wakes up after its lease changes nothing', async () => {
    await test.killAll('worker');
    await completeAfterLeaseExpired(test, api.url, disk);
  });

  it('a worker releases claimed tokens and ends with status 0 within ten seconds of SIGTERM [H10]', async () => {
    await shutDownGracefully(test, api.url);
  });
});

it('a process that receives SIGTERM responds to the request in flight before it ends', async () => {
  const project = await test.aProject(1);
  const service = await test.startProcess('api');
  const collections = await test.holdLock('lock table nft_metadata.collections in access exclusive mode');
  const response = test.post(service.url, project, project.tokenIds);
  await collections.reached();

  const ended = service.end('SIGTERM');
  await waitUntil(async () => (await test.readiness(service)) !== 200);
  await collections.release();

  expect((await response).status).toBe(202);
  expect(await ended).toMatchObject({ status: 0 });
  await test.app.worker.runOnce();
  await test.expectAllDone();
});

it('a process that receives SIGTERM is no longer ready while its port is still open', async () => {
  const project = await test.aProject(5);
  for (const tokenId of project.tokenIds) {
    test.metadataApi.script(tokenId, { behaviour: 'hangs' }, { status: 200, body: { name: 'x' } });
  }
  const service = await test.startProcess('all');
  await test.request(service.url, project, project.tokenIds);
  await waitUntil(() => project.tokenIds.every((tokenId) => test.metadataApi.hits.has(tokenId)));
  const claimed = await test.holdLock('select from nft_metadata.refresh_chunks for update');

  const ended = service.end('SIGTERM');
  await claimed.reached();

  expect(await test.readiness(service)).toBe(503);
  await claimed.release();
  expect(await ended).toMatchObject({ status: 0 });
  await test.app.worker.runOnce();
  await test.expectAllDone();
});

it('a token that was released a dozen times does not count as lost', async () => {
  const { app, worker: inThisProcess, metadataApi } = test.app;
  const project = await test.aProject(1);
  const tokenId = project.tokenIds[0]!;
  metadataApi.misbehave(tokenId, 'hangs');
  const refreshId = await requestRefresh(app, project, [tokenId]);

  for (let time = 1; time <= 12; time += 1) {
    inThisProcess.start();
    await waitUntil(() => metadataApi.hits.get(tokenId) === time);
    await inThisProcess.stop();
  }
  metadataApi.respond(tokenId, 200, { name: 'x' });
  await inThisProcess.runOnce();

  expect(await readRefresh(app, project, refreshId)).toMatchObject({ summary: { succeeded: 1, failed: 0 } });
  await test.expectAllDone();
});
