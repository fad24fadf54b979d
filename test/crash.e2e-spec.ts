import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { Client } from 'pg';
import { readRefresh, requestRefresh } from './support/project-api.js';
import { startServiceProcess } from './support/service-process.js';
import { startApp, type TestApp } from './support/start-app.js';

let test: TestApp;
const workers: ChildProcess[] = [];
beforeAll(async () => {
  test = await startApp();
});
afterAll(async () => {
  for (const worker of workers) worker.kill('SIGKILL');
  await test.stop();
});

async function startWorkerProcess(): Promise<ChildProcess> {
  const { process: worker } = await startServiceProcess(test, 'worker');
  workers.push(worker);
  return worker;
}

const until = async (isSo: () => Promise<boolean> | boolean) => vi.waitUntil(isSo, { timeout: 40_000, interval: 50 });

/** What must hold whatever happened: counts equal rows, every failed item has one error and no other has any. */
async function expectInvariants(): Promise<void> {
  const broken = await test.database.query(`
    select refresh.id from nft_metadata.refreshes as refresh
    where refresh.succeeded <> (select count(*) from nft_metadata.refresh_items where refresh_id = refresh.id and status = 'succeeded')
      or refresh.failed <> (select count(*) from nft_metadata.refresh_items where refresh_id = refresh.id and status = 'failed')
      or refresh.total <> (select count(*) from nft_metadata.refresh_items where refresh_id = refresh.id)
      or refresh.failed <> (select count(*) from nft_metadata.refresh_errors where refresh_id = refresh.id)`);
  expect(broken).toEqual([]);
}

it('loses nothing when the process is killed in the middle and started again', async () => {
  const tokens = Array.from({ length: 600 }, (_, index) => String(index + 1));
  const project = await test.aProject({ tokens });
  for (const tokenId of tokens.slice(0, 20)) test.metadataApi.answer(tokenId, 404);
  const refreshIds = [await requestRefresh(test.app, project, tokens), await requestRefresh(test.app, project, tokens)];
  const statusOf = async (refreshId: string) => (await readRefresh(test.app, project, refreshId))['status'];

  const first = await startWorkerProcess();
  await until(async () => (await statusOf(refreshIds[0]!)) !== 'queued');
  first.kill('SIGKILL');
  await once(first, 'exit');
  await test.database.query('select 1');
  await startWorkerProcess();
  await test.database.advance(31);
  await until(async () => (await Promise.all(refreshIds.map(statusOf))).every((status) => status === 'completed'));

  for (const refreshId of refreshIds) {
    expect(await readRefresh(test.app, project, refreshId)).toMatchObject({
      summary: { succeeded: 580, failed: 20, pending: 0 },
    });
  }
  await expectInvariants();
});

it('answers a request that is in flight when SIGTERM comes, and only then ends', async () => {
  const project = await test.aProject({ tokens: ['1'] });
  const service = await startServiceProcess(test, 'api');
  workers.push(service.process);
  // The request waits for a row that is locked.
  const holder = new Client({ connectionString: test.database.url });
  await holder.connect();
  await holder.query('begin');
  await holder.query('lock table nft_metadata.collections in access exclusive mode');
  const answer = fetch(`${service.url}/v1/metadata-refreshes`, {
    method: 'POST',
    headers: { 'x-api-key': project.apiKey, 'content-type': 'application/json' },
    body: JSON.stringify({ collection_address: project.collectionAddress, token_ids: ['1'] }),
  });
  await until(async () => {
    const waiting = await test.database.query('select from pg_locks where not granted');
    return waiting.length > 0;
  });

  service.process.kill('SIGTERM');
  const exit = once(service.process, 'exit');
  await until(async () =>
    fetch(`${service.url}/health/live`).then(
      () => false,
      () => true,
    ),
  );
  await holder.query('rollback');

  expect((await answer).status).toBe(202);
  expect(await exit).toEqual([0, null]);
  await holder.end();
});

it('hands claimed items back and ends with status 0 within ten seconds of SIGTERM', async () => {
  const tokens = Array.from({ length: 300 }, (_, index) => String(10_000 + index));
  const project = await test.aProject({ tokens });
  for (const tokenId of tokens) test.metadataApi.misbehave(tokenId, 'hangs');
  for (const worker of workers.splice(0)) worker.kill('SIGKILL');
  const worker = await startWorkerProcess();
  const refreshId = await requestRefresh(test.app, project, tokens);
  await until(() => (test.metadataApi.hits.get('10000') ?? 0) > 0);

  const startedAt = performance.now();
  worker.kill('SIGTERM');
  const [status] = (await once(worker, 'exit')) as [number];

  expect(status).toBe(0);
  expect(performance.now() - startedAt).toBeLessThan(10_000);
  const held = await test.database.query(
    `select id from nft_metadata.refresh_items where refresh_id = $1 and status = 'pending' and due_at > now()`,
    [refreshId],
  );
  expect(held).toEqual([]);
  await expectInvariants();
});

it('an item that was handed back a dozen times is no lost one', async () => {
  const project = await test.aProject({ tokens: ['20000'] });
  test.metadataApi.misbehave('20000', 'hangs');
  const refreshId = await requestRefresh(test.app, project, ['20000']);

  for (let time = 1; time <= 12; time += 1) {
    test.worker.start();
    await until(() => test.metadataApi.hits.get('20000') === time);
    await test.worker.stop();
  }
  test.metadataApi.answer('20000', 200, { name: 'x' });
  await test.worker.runOnce();

  expect(await readRefresh(test.app, project, refreshId)).toMatchObject({ summary: { succeeded: 1, failed: 0 } });
});
