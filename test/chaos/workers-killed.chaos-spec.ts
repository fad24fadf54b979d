import { CrashTest, rounds, until } from '../support/crash-test.js';
import { FullDisk } from '../support/full-disk.js';
import { holdCommits, stopCommits } from '../support/kill-points.js';
import { killAndStop, outliveItsLease, stopInOrder } from '../support/worker-scenarios.js';
import type { ServiceProcess } from '../support/service-process.js';

let test: CrashTest;
let disk: FullDisk;
let api: ServiceProcess;
beforeAll(async () => {
  test = await CrashTest.start();
  await stopCommits(test);
  disk = await FullDisk.prepare(test.database);
  api = await test.startProcess('api');
});
afterAll(async () => test.stop());

const each = Array.from({ length: rounds(3) }, (_, index) => index + 1);

it.each(each)('wave %i: four workers that are killed and stopped at random do all of the work once', async () => {
  await killAndStop(test, api.url, { workers: 4, times: 6, tokens: 150 });
});

it.each(each)('round %i: a worker that wakes up after its lease changes nothing', async () => {
  await outliveItsLease(test, api.url, disk);
});

it.each(each)('round %i: SIGTERM in the middle of the work ends a worker in order', async () => {
  await stopInOrder(test, api.url);
});

it('SIGTERM while a claim is on its way hands back what it brings', async () => {
  const project = await test.aProject(5);
  const worker = await test.startProcess('worker');
  const commits = await holdCommits(test, 'claim');
  await test.request(api.url, project, project.tokenIds);
  await commits.reached();

  const ended = worker.end('SIGTERM');
  await until(() => worker.output().includes('stopping'));
  await commits.release();

  expect(await ended).toMatchObject({ status: 0 });
  expect(await test.watch.claimedItems()).toEqual([]);
  await test.startProcess('worker');
  await test.expectAllDone();
});
