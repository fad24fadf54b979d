import { pass, until, type CrashTest } from './crash-test.js';
import type { FullDisk } from './full-disk.js';
import type { ServiceProcess } from './service-process.js';

/** Workers are killed, or held still for longer than a lease, while refreshes of the same tokens keep coming. */
export async function killAndStop(
  test: CrashTest,
  api: string,
  { workers: count, times, tokens }: { workers: number; times: number; tokens: number },
): Promise<void> {
  const project = await test.aProject(tokens);
  const workers = await Promise.all(Array.from({ length: count }, () => test.startProcess('worker')));
  const good = await test.mixLaterResponses(api, project);

  for (let time = 0; time < times; time += 1) {
    await test.request(api, project, project.tokenIds);
    const victim = Math.floor(Math.random() * count);
    await pass(Math.random() * 1500);
    if (time % 3 === 2) {
      workers[victim]!.process.kill('SIGSTOP');
      await test.outliveLeases();
      await pass(Math.random() * 1500);
      workers[victim]!.process.kill('SIGCONT');
    } else {
      await workers[victim]!.end('SIGKILL');
      workers[victim] = await test.startProcess('worker');
      await test.outliveLeases();
    }
  }
  await test.expectAllDone();

  expect(good).not.toEqual([]);
  expect(await test.failingDocuments(project, 'stale')).toEqual(good);
  expect(await failuresOf(test, project.id)).toEqual({
    status_404: times * share(tokens, 0),
    timeout: times * share(tokens, 1),
  });
  expect(await mostLostClaims(test, project.id)).toBeGreaterThan(0);
  await Promise.all(workers.map((worker) => worker.end('SIGKILL')));
}

/** A worker that has fetched, and cannot write, stands still until its items are somebody else's; then it writes. */
export async function outliveItsLease(test: CrashTest, api: string, disk: FullDisk): Promise<void> {
  // No more than a host is asked for at once.
  const project = await test.aProject(16);
  const [first, others] = [project.tokenIds.slice(0, 8), project.tokenIds.slice(8)];
  const document = (served: number) => ({ name: 'x', served });
  for (const tokenId of first) {
    const fills = { status: 200, body: document, before: () => disk.fill() };
    test.metadataApi.script(tokenId, fills, { behaviour: 'hangs' }, { status: 200, body: document });
  }
  const askedFor = (times: number) => () => first.every((tokenId) => test.metadataApi.hits.get(tokenId) === times);
  const sleeper = await test.startProcess('worker');
  await test.request(api, project, first);
  await until(() => askedFor(1)() && sleeper.output().includes('writing results failed'));
  sleeper.process.kill('SIGSTOP');
  await disk.empty();
  await test.outliveLeases();
  const other = await test.startProcess('worker');
  await until(askedFor(2));
  await other.end('SIGKILL');

  sleeper.process.kill('SIGCONT');
  // It writes what it holds before it takes anything new.
  test.numberResponses(others);
  await test.request(api, project, others);
  await until(async () => (await test.pending()) <= first.length);

  expect(await test.pending()).toBe(first.length);
  await test.outliveLeases();
  await test.expectAllDone();
  const records = await test.database.query<{ served: number }>(
    `select (raw->>'served')::int as served from nft_metadata.tokens where collection_id = $1 and token_id = any($2)`,
    [project.collectionId, first],
  );
  expect(records.map(({ served }) => served)).toEqual(first.map(() => 3));
  await sleeper.end('SIGKILL');
}

/** Nobody has to wait for a lease after SIGTERM. */
export async function stopInOrder(test: CrashTest, api: string): Promise<void> {
  const project = await test.aProject(100);
  test.mixResponses(project.tokenIds);
  const worker = await test.startProcess('worker');
  await test.request(api, project, project.tokenIds);
  await until(() => project.tokenIds.some((tokenId) => test.metadataApi.hits.has(tokenId)));
  await pass(Math.random() * 1000);

  const { status, milliseconds } = await worker.end('SIGTERM');

  expect(status).toBe(0);
  expect(milliseconds).toBeLessThan(10_000);
  expect(await test.watch.claimedItems()).toEqual([]);
  const successor: ServiceProcess = await test.startProcess('worker');
  await test.expectAllDone();
  await successor.end('SIGKILL');
}

/** Of `mixResponses`: how many of these tokens are at this place of twenty. */
const share = (tokens: number, place: number) => Math.ceil((tokens - place) / 20);

async function failuresOf(test: CrashTest, projectId: string): Promise<Record<string, number>> {
  const rows = await test.database.query<{ reason: string; count: number }>(
    `select error.reason, count(*)::int as count
     from nft_metadata.refresh_errors as error join nft_metadata.refreshes as refresh on refresh.id = error.refresh_id
     where refresh.project_id = $1 group by 1`,
    [projectId],
  );
  return Object.fromEntries(rows.map(({ reason, count }) => [reason, count]));
}

/** Of one item: claims that were neither answered nor handed back, whose lease somebody else had to outlive. */
async function mostLostClaims(test: CrashTest, projectId: string): Promise<number> {
  const [row] = await test.database.query<{ most: number }>(
    `select max(item.claim_count - item.attempt_count - item.release_count)::int as most
     from nft_metadata.refresh_items as item join nft_metadata.refreshes as refresh on refresh.id = item.refresh_id
     where refresh.project_id = $1`,
    [projectId],
  );
  return row!.most;
}
