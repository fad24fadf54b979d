import { Refreshes } from '@app/metadata-refresh';
import { untilListening } from './support/listening.js';
import { expectSucceeded, readRefresh, requestRefresh } from './support/project-api.js';
import { control, pausedChunks, untilStatus } from './support/refresh-control.js';
import { startApp, type TestApp, type TestProject } from './support/start-app.js';
import { captureStatements } from './support/statements.js';
import { ids } from './support/token-ids.js';

const DAY = 24 * 3600;

let test: TestApp;
beforeAll(async () => {
  test = await startApp({ safeHttp: { deadlineMs: 20_000 } });
});
afterAll(() => test.stop());
beforeEach(() => test.metadataApi.hits.clear());
afterEach(() => test.worker.stop());

/** Pauses, and waits until its chunks are paused. */
async function pause(project: TestProject, refreshId: string): Promise<void> {
  await control(test.app, project, refreshId, 'pause').expect(202);
  // Again, as an operator, whose call waits for the chunks.
  await test.app.get(Refreshes).pause(refreshId);
}

it('a refresh that is paused for longer than a lease, and resumed, loses nothing and fetches nothing twice [T10]', async () => {
  const project = await test.aProject({ tokens: ids(1000) });
  test.metadataApi.hold();
  const refreshId = await requestRefresh(test.app, project, ids(1000));
  const round = test.worker.runOnce();
  await vi.waitUntil(() => test.metadataApi.heldCount > 0, { timeout: 10_000 });

  const { body } = await control(test.app, project, refreshId, 'pause').expect(202);
  test.metadataApi.releaseHeld();
  await round;
  const fetched = test.metadataApi.totalHits;
  await test.database.advance(3600);
  await test.worker.runOnce();

  expect(body).toMatchObject({ paused_at: expect.stringMatching(/\.\d{6}Z$/) as string, completed_at: null });
  // What was claimed is finished, and no more.
  expect(fetched).toBeGreaterThan(0);
  expect(fetched).toBeLessThan(500);
  expect(test.metadataApi.totalHits).toBe(fetched);
  expect(await readRefresh(test.app, project, refreshId)).toMatchObject({
    status: 'in_progress',
    completed_at: null,
    summary: { succeeded: fetched, failed: 0, pending: 1000 - fetched },
  });

  const resumed = await control(test.app, project, refreshId, 'resume').expect(202);
  await test.worker.runOnce();

  expect(resumed.body).toMatchObject({ paused_at: null });
  await expectSucceeded(test.app, project, refreshId, 1000);
  expect(test.metadataApi.totalHits).toBe(1000);
  expect(test.metadataApi.hits.size).toBe(1000);
});

it('a paused refresh gives the same advice while tokens that were begun are finished: who follows it is told once', async () => {
  const project = await test.aProject({ tokens: ids(3) });
  test.metadataApi.hold();
  const refreshId = await requestRefresh(test.app, project, ids(3));
  const round = test.worker.runOnce();
  await vi.waitUntil(() => test.metadataApi.heldCount === 3, { timeout: 10_000 });
  await control(test.app, project, refreshId, 'pause').expect(202);
  const pending = async (count: number) => {
    const refresh = await readRefresh(test.app, project, refreshId);
    return (refresh['summary'] as { pending: number }).pending === count ? refresh : undefined;
  };

  const before = await pending(3);
  test.metadataApi.respondToHeld(1, { status: 200, body: { name: 'One' } });
  const after = await vi.waitUntil(() => pending(2), { timeout: 10_000 });
  test.metadataApi.releaseHeld();
  await round;

  const [line] = before!['advice'] as string[];
  expect(line).toBe(
    `The refresh was paused at ${String(before!['paused_at'])}: its pending tokens wait until it is resumed.`,
  );
  expect(after['advice']).toContain(line);
});

it('a refresh that is paused before its first claim stays queued', async () => {
  const project = await test.aProject({ tokens: ids(3) });
  const refreshId = await requestRefresh(test.app, project, ids(3));

  await control(test.app, project, refreshId, 'pause').expect(202);
  await test.worker.runOnce();

  expect(await readRefresh(test.app, project, refreshId)).toMatchObject({ status: 'queued', summary: { pending: 3 } });
  expect(test.metadataApi.totalHits).toBe(0);
  await control(test.app, project, refreshId, 'resume').expect(202);
  await test.worker.runOnce();
  await expectSucceeded(test.app, project, refreshId, 3);
});

it('a pause and its end can be repeated, without effect', async () => {
  const project = await test.aProject({ tokens: ['1'] });
  const refreshId = await requestRefresh(test.app, project, ['1']);

  const first = await control(test.app, project, refreshId, 'pause').expect(202);
  await test.database.advance(10);
  const second = await control(test.app, project, refreshId, 'pause').expect(202);
  await control(test.app, project, refreshId, 'resume').expect(202);
  const last = await control(test.app, project, refreshId, 'resume').expect(202);

  expect(second.body).toEqual(first.body);
  expect(last.body).toMatchObject({ paused_at: null, status: 'queued' });
  await test.worker.runOnce();
  await expectSucceeded(test.app, project, refreshId, 1);
});

it('a token that waits for a retry keeps its time through a pause, and is not fetched before the end of the pause', async () => {
  const project = await test.aProject({ tokens: ['1', '2'] });
  const later = { status: 503, body: '', headers: { 'retry-after': '20' } };
  test.metadataApi.script('1', later, { status: 200, body: { name: 'One' } });
  // Token 2 is claimed when the pause begins, and waits for its retry afterwards.
  let respond = () => {};
  test.metadataApi.script(
    '2',
    { ...later, before: () => new Promise<void>((done) => (respond = done)) },
    { status: 200, body: { name: 'Two' } },
  );
  const refreshId = await requestRefresh(test.app, project, ['1']);
  await test.worker.runOnce();
  await test.database.advance(25);
  await pause(project, refreshId);
  const other = await requestRefresh(test.app, project, ['2']);
  const round = test.worker.runOnce();
  await vi.waitUntil(() => test.metadataApi.hits.has('2'), { timeout: 10_000 });
  const dueAt = await dueTimeOf(refreshId);

  await pause(project, other);
  respond();
  await round;
  await test.database.advance(120);
  await test.worker.runOnce();

  expect([...test.metadataApi.hits]).toEqual([
    ['1', 1],
    ['2', 1],
  ]);
  expect(await dueTimeOf(refreshId)).toEqual(dueAt);
  expect(await pausedChunks(test, other)).toEqual({ paused: 1, all: 1 });
  for (const id of [refreshId, other]) await control(test.app, project, id, 'resume').expect(202);
  await test.worker.runOnce();
  await expectSucceeded(test.app, project, refreshId, 1);
  await expectSucceeded(test.app, project, other, 1);
  for (const id of ['1', '2']) test.metadataApi.respond(id, 200, { name: id });
});

const dueTimeOf = (refreshId: string) =>
  test.database.query('select due_at from nft_metadata.refresh_chunks where refresh_id = $1', [refreshId]);

it('tokens of a worker that has died during a pause are fetched after the pause', async () => {
  const project = await test.aProject({ tokens: ids(3) });
  const refreshId = await requestRefresh(test.app, project, ids(3));
  await test.database.query(
    `update nft_metadata.refresh_chunks
     set is_claimed = true, claim_count = 1, due_at = now() + interval '30 seconds' where refresh_id = $1`,
    [refreshId],
  );
  await pause(project, refreshId);
  await test.database.advance(60);
  await test.worker.runOnce();
  expect(test.metadataApi.totalHits).toBe(0);

  await control(test.app, project, refreshId, 'resume').expect(202);
  await test.worker.runOnce();
  await expectSucceeded(test.app, project, refreshId, 3);
});

it('a worker that is idle begins at once with a refresh that is resumed', async () => {
  const project = await test.aProject({ tokens: ids(3) });
  const refreshId = await requestRefresh(test.app, project, ids(3));
  await pause(project, refreshId);
  // Started and never woken: only a notification makes it claim.
  test.worker.start();
  await untilListening(test);
  await control(test.app, project, refreshId, 'pause').expect(202);

  await control(test.app, project, refreshId, 'resume').expect(202);

  await untilStatus(test, project, refreshId, 'completed');
  await expectSucceeded(test.app, project, refreshId, 3);
});

it('paused refreshes delay no other refresh of their host', async () => {
  const project = await test.aProject({ tokens: ids(2000) });
  const paused: string[] = [];
  for (let from = 1; from <= 1000; from += 100) paused.push(await requestRefresh(test.app, project, ids(100, from)));
  for (const refreshId of paused) await control(test.app, project, refreshId, 'pause').expect(202);
  const refreshId = await requestRefresh(test.app, project, ids(200, 1001));

  await test.worker.runOnce();

  await expectSucceeded(test.app, project, refreshId, 200);
  expect(test.metadataApi.totalHits).toBe(200);
  for (const id of paused) await control(test.app, project, id, 'cancel').expect(202);
});

it('a paused refresh costs nothing while it is paused, once its chunks are paused too', async () => {
  const project = await test.aProject({ tokens: ids(1000) });
  const refreshId = await requestRefresh(test.app, project, ids(1000));
  await pause(project, refreshId);
  expect(await pausedChunks(test, refreshId)).toEqual({ paused: 8, all: 8 });
  await test.database.advance(5 * DAY);

  const statements = await captureStatements(async () => {
    await test.worker.runOnce();
    await test.worker.runOnce();
  });

  // One look into the index each, with nothing due: no chunk is looked at.
  expect(statements.filter(({ text }) => text.includes('set sweep_due_at'))).toHaveLength(2);
  expect(statements.filter(({ text }) => text.includes('is_paused <>'))).toEqual([]);
  await control(test.app, project, refreshId, 'cancel').expect(202);
});

it('a refresh that is paused for 30 days is cancelled', async () => {
  const project = await test.aProject({ tokens: ids(3) });
  const refreshId = await requestRefresh(test.app, project, ids(3));
  await pause(project, refreshId);

  await test.database.advance(30 * DAY - 60);
  await test.worker.runOnce();
  expect(await readRefresh(test.app, project, refreshId)).toMatchObject({ cancelled_at: null });

  await test.database.advance(120);
  await test.worker.runOnce();
  expect(await readRefresh(test.app, project, refreshId)).toMatchObject({
    status: 'completed',
    paused_at: null,
    cancelled_at: expect.any(String) as string,
    summary: { succeeded: 0, failed: 0, pending: 0, cancelled: 3 },
  });
});

it('a refresh that is paused can be cancelled', async () => {
  const project = await test.aProject({ tokens: ids(300) });
  const refreshId = await requestRefresh(test.app, project, ids(300));
  await pause(project, refreshId);

  const { body } = await control(test.app, project, refreshId, 'cancel').expect(202);

  expect(body).toMatchObject({ paused_at: null });
  expect(await untilStatus(test, project, refreshId, 'completed')).toMatchObject({ verdicts: { cancelled: 300 } });
});
