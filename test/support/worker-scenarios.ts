import { delay, waitUntil, type CrashTest } from './crash-test.js';
import type { FullDisk } from './full-disk.js';
import type { ServiceProcess } from './service-process.js';

/** Kills workers, or suspends them for longer than a lease, while refreshes of the same tokens keep arriving. */
export async function killAndSuspendWorkers(
  test: CrashTest,
  api: string,
  { workers: count, times, tokens }: { workers: number; times: number; tokens: number },
): Promise<void> {
  const project = await test.aProject(tokens);
  const workers = await Promise.all(Array.from({ length: count }, () => test.startProcess('worker')));
  const good = await test.scriptMixedResponsesAfterSuccess(api, project);

  for (let time = 0; time < times; time += 1) {
    await test.request(api, project, project.tokenIds);
    const victim = Math.floor(Math.random() * count);
    await delay(Math.random() * 1500);
    if (time % 3 === 2) {
      workers[victim]!.process.kill('SIGSTOP');
      await test.expireLeases();
      await delay(Math.random() * 1500);
      workers[victim]!.process.kill('SIGCONT');
    } else {
      await workers[victim]!.end('SIGKILL');
      workers[victim] = await test.startProcess('worker');
      await test.expireLeases();
    }
  }
  await test.expectAllDone();

  expect(good).not.toEqual([]);
  expect(await test.failingDocuments(project, 'stale')).toEqual(good);
  expect(await failuresOf(test, project.id)).toEqual({
    status_404: times * share(tokens, 0),
    timeout: times * share(tokens, 1),
  });
  expect(await test.invariants.maxLostClaims(project.id)).toBeGreaterThan(0);
  await Promise.all(workers.map((worker) => worker.end('SIGKILL')));
}

/** A worker that cannot store its results is suspended until its leases expire and another worker claims the tokens. Then it writes. */
export async function completeAfterLeaseExpired(test: CrashTest, api: string, disk: FullDisk): Promise<void> {
  // Two halves of 8, the default concurrency of a host.
  const project = await test.aProject(16);
  const [first, others] = [project.tokenIds.slice(0, 8), project.tokenIds.slice(8)];
  const document = (served: number) => ({ name: 'x', served });
  for (const tokenId of first) {
    const fillsDisk = { status: 200, body: document, before: () => disk.fill() };
    test.metadataApi.script(tokenId, fillsDisk, { behaviour: 'hangs' }, { status: 200, body: document });
  }
  const requested = (times: number) => () => first.every((tokenId) => test.metadataApi.hits.get(tokenId) === times);
  const suspended = await test.startProcess('worker');
  await test.request(api, project, first);
  await waitUntil(() => requested(1)() && suspended.output().includes('writing results failed'));
  suspended.process.kill('SIGSTOP');
  await disk.empty();
  await test.expireLeases();
  const other = await test.startProcess('worker');
  await waitUntil(requested(2));
  await other.end('SIGKILL');

  suspended.process.kill('SIGCONT');
  // It writes its results before it claims new tokens.
  test.scriptNumberedResponses(others);
  await test.request(api, project, others);
  await waitUntil(async () => (await test.countPending()) <= first.length);

  expect(await test.countPending()).toBe(first.length);
  await test.expireLeases();
  await test.expectAllDone();
  const records = await test.database.query<{ served: number }>(
    `select (raw->>'served')::int as served from nft_metadata.tokens join nft_metadata.token_documents using (id)
     where collection_id = $1 and token_id = any($2)`,
    [project.collectionId, first],
  );
  expect(records.map(({ served }) => served)).toEqual(first.map(() => 3));
  await suspended.end('SIGKILL');
}

/** After SIGTERM, a worker leaves no claimed tokens behind. */
export async function shutDownGracefully(test: CrashTest, api: string): Promise<void> {
  const project = await test.aProject(100);
  test.scriptMixedResponses(project.tokenIds);
  const worker = await test.startProcess('worker');
  await test.request(api, project, project.tokenIds);
  await waitUntil(() => project.tokenIds.some((tokenId) => test.metadataApi.hits.has(tokenId)));
  await delay(Math.random() * 1000);

  const { status, milliseconds } = await worker.end('SIGTERM');

  expect(status).toBe(0);
  expect(milliseconds).toBeLessThan(10_000);
  expect(await test.invariants.claimedTokens()).toEqual([]);
  const successor: ServiceProcess = await test.startProcess('worker');
  await test.expectAllDone();
  await successor.end('SIGKILL');
}

/** How many of these tokens have this index modulo 20 in `scriptMixedResponses`. */
const share = (tokens: number, index: number) => Math.ceil((tokens - index) / 20);

async function failuresOf(test: CrashTest, projectId: string): Promise<Record<string, number>> {
  const rows = await test.database.query<{ reason: string; count: number }>(
    `select error.reason, count(*)::int as count
     from nft_metadata.refresh_errors as error join nft_metadata.refreshes as refresh on refresh.id = error.refresh_id
     where refresh.project_id = $1 group by 1`,
    [projectId],
  );
  return Object.fromEntries(rows.map(({ reason, count }) => [reason, count]));
}
