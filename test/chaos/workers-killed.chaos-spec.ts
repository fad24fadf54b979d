import { once } from 'node:events';
import { connect } from 'node:net';
import { CrashTest, rounds, waitUntil } from '../support/crash-test.js';
import { FullDisk } from '../support/full-disk.js';
import { blockCommits, installCommitTriggers } from '../support/kill-points.js';
import { killAndSuspendWorkers, completeAfterLeaseExpired, shutDownGracefully } from '../support/worker-scenarios.js';
import type { ServiceProcess } from '../support/service-process.js';

let test: CrashTest;
let disk: FullDisk;
let api: ServiceProcess;
beforeAll(async () => {
  test = await CrashTest.start();
  await installCommitTriggers(test);
  disk = await FullDisk.prepare(test.database);
  api = await test.startProcess('api');
});
// One that failed leaves nothing to the next.
afterEach(async () => {
  await test.killAll('worker');
  await disk.empty();
});
afterAll(async () => test.stop());

const each = rounds(2);

it.each(each)('wave %i: four workers that are killed and suspended at random do all of the work once', async () => {
  await killAndSuspendWorkers(test, api.url, { workers: 4, times: 6, tokens: 150 });
});

it.each(each)('round %i: a worker that resumes after its lease has expired changes nothing', async () => {
  await completeAfterLeaseExpired(test, api.url, disk);
});

it.each(each)('round %i: SIGTERM in the middle of the work shuts a worker down gracefully', async () => {
  await shutDownGracefully(test, api.url);
});

it('SIGTERM during a claim releases the claimed tokens [H10]', async () => {
  const project = await test.aProject(5);
  const worker = await test.startProcess('worker');
  const commits = await blockCommits(test, 'claim');
  await test.request(api.url, project, project.tokenIds);
  await commits.reached();

  const ended = worker.end('SIGTERM');
  await waitUntil(() => worker.output().includes('stopping'));
  await commits.release();

  expect(await ended).toMatchObject({ status: 0 });
  expect(await test.invariants.claimedTokens()).toEqual([]);
  await test.startProcess('worker');
  await test.expectAllDone();
});

it('SIGTERM while a refresh is being committed still lets its client receive the response', async () => {
  const project = await test.aProject(5);
  const process = await test.startProcess('api');
  const commits = await blockCommits(test, 'accept');
  const response = test.post(process.url, project, project.tokenIds);
  await commits.reached();

  const ended = process.end('SIGTERM');
  await waitUntil(() => process.output().includes('stopping'));
  await commits.release();

  expect((await response).status).toBe(202);
  expect(await ended).toMatchObject({ status: 0 });
  await test.startProcess('worker');
  await test.expectAllDone();
});

it('SIGTERM does not wait for a client that never finishes its request', async () => {
  const service = await test.startProcess('api');
  const client = connect(Number(new URL(service.url).port), '127.0.0.1');
  client.on('error', () => {});
  client.write('POST /v1/metadata-refreshes HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{');
  await once(client, 'connect');
  await test.readiness(service);

  const { status, milliseconds } = await service.end('SIGTERM');

  expect(status).toBe(0);
  expect(milliseconds).toBeLessThan(10_000);
});
