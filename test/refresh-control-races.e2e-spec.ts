import { randomInt } from 'node:crypto';
import { CrashTest, waitUntil, type CrashProject } from './support/crash-test.js';
import { http, requestRefresh } from './support/project-api.js';
import { control, pausedChunks, type ControlCall } from './support/refresh-control.js';

vi.setConfig({ testTimeout: 180_000 });

/** Its monitor checks the invariants of the queue in snapshots all the time. */
let test: CrashTest;
let beat: NodeJS.Timeout;
beforeAll(async () => {
  test = await CrashTest.start();
  const workers = [test.app.worker, await test.app.anotherWorker()];
  for (const worker of workers) worker.start();
  beat = setInterval(() => {
    for (const worker of workers) worker.wake();
  }, 200);
});
afterAll(async () => {
  clearInterval(beat);
  await test.stop();
});

async function request(project: CrashProject, tokenIds = project.tokenIds): Promise<string> {
  const refreshId = await requestRefresh(test.app.app, project, tokenIds);
  test.accepted.push({ refreshId, tokenIds });
  return refreshId;
}

const call = async (project: CrashProject, refreshId: string, name: ControlCall): Promise<number> =>
  (await control(test.app.app, project, refreshId, name)).status;

async function summaryOf(refreshId: string) {
  const [row] = await test.database.query<{ succeeded: number; cancelled: number; isCancelled: boolean }>(
    `select succeeded, cancelled, cancelled_at is not null as "isCancelled" from nft_metadata.refreshes where id = $1`,
    [refreshId],
  );
  return row!;
}

it('cancellations that meet claims and completions count each token once, and give back what was not begun', async () => {
  const project = await test.aProject(60);
  test.scriptNumberedResponses(project.tokenIds);
  const statuses: number[] = [];

  for (let round = 0; round < 15; round += 1) {
    const refreshId = await request(project);
    // From before the first claim to after the last completion.
    const done = round * 4;
    await waitUntil(async () => (await summaryOf(refreshId)).succeeded >= done);
    statuses.push(...(await Promise.all([call(project, refreshId, 'cancel'), call(project, refreshId, 'cancel')])));
  }
  await test.expectAllDone();

  expect(new Set(statuses)).toContain(202);
  expect(statuses.every((status) => status === 202 || status === 409)).toBe(true);
  const summaries = await Promise.all(test.accepted.map(({ refreshId }) => summaryOf(refreshId)));
  expect(summaries.some(({ cancelled }) => cancelled > 0)).toBe(true);
  expect(summaries.some(({ succeeded }) => succeeded > 0)).toBe(true);
});

it('two cancellations at the same time cancel once', async () => {
  const project = await test.aProject(300);
  const refreshId = await request(project);
  await call(project, refreshId, 'pause');

  const statuses = await Promise.all(Array.from({ length: 20 }, () => call(project, refreshId, 'cancel')));

  expect(new Set(statuses)).toEqual(new Set([202]));
  await test.expectAllDone();
  const { succeeded, cancelled } = await summaryOf(refreshId);
  expect(succeeded + cancelled).toBe(300);
});

it('of pauses and resumes at the same time, the last one counts for all chunks, and nothing is lost', async () => {
  const project = await test.aProject(600);
  test.scriptNumberedResponses(project.tokenIds, 20);
  const refreshIds = [await request(project), await request(project, project.tokenIds.slice(0, 300))];

  for (let round = 0; round < 12; round += 1) {
    const calls: ControlCall[] = ['pause', 'resume', 'resume', 'pause'];
    const statuses = await Promise.all(
      refreshIds.flatMap((refreshId) => calls.map((name) => call(project, refreshId, name))),
    );
    expect(statuses.every((status) => status === 202 || status === 409)).toBe(true);
  }
  for (const refreshId of refreshIds) await call(project, refreshId, 'pause');
  for (const refreshId of refreshIds) {
    await waitUntil(async () => {
      const { paused, all } = await pausedChunks(test.app, refreshId);
      return paused === all;
    });
    await call(project, refreshId, 'resume');
  }

  await test.expectAllDone();
  for (const { refreshId, tokenIds } of test.accepted.slice(-2)) {
    expect(await summaryOf(refreshId)).toEqual({ succeeded: tokenIds.length, cancelled: 0, isCancelled: false });
  }
});

it('fifty resumes at the same time resume once, and other requests still find a connection', async () => {
  const project = await test.aProject(300);
  test.scriptNumberedResponses(project.tokenIds);
  const refreshId = await request(project);
  await call(project, refreshId, 'pause');

  const resumes = Array.from({ length: 50 }, () => call(project, refreshId, 'resume'));
  const read = await http(test.app.app).get('/v1/limits').set('x-api-key', project.apiKey);
  const statuses = await Promise.all(resumes);

  expect(read.status).toBe(200);
  expect(statuses.every((status) => status === 202 || status === 409)).toBe(true);
  await test.expectAllDone();
  expect(await summaryOf(refreshId)).toMatchObject({ succeeded: 300, cancelled: 0 });
});

it('refreshes of the same tokens that are paused, resumed, retried and cancelled at random all come to their end, without a deadlock', async () => {
  const project = await test.aProject(200);
  test.scriptMixedResponses(project.tokenIds.filter((_, index) => index % 20 !== 1));
  test.scriptNumberedResponses(project.tokenIds.filter((_, index) => index % 20 === 1));
  const refreshIds: string[] = [];
  for (let round = 0; round < 8; round += 1) refreshIds.push(await request(project));

  const calls: ControlCall[] = ['pause', 'resume', 'resume', 'cancel', 'retry'];
  for (let round = 0; round < 40; round += 1) {
    const some = Array.from({ length: 4 }, () => refreshIds[randomInt(refreshIds.length)]!);
    const statuses = await Promise.all(some.map((id) => call(project, id, calls[randomInt(calls.length)]!)));
    expect(statuses.every((status) => status === 202 || status === 409)).toBe(true);
  }
  for (const refreshId of refreshIds) await call(project, refreshId, 'resume');

  await test.expectAllDone();
  const [row] = await test.database.query<{ deadlocks: number }>(
    'select deadlocks::int from pg_stat_database where datname = current_database()',
  );
  expect(row!.deadlocks).toBe(0);
});
