import { randomInt } from 'node:crypto';
import { delay, waitUntil, type CrashProject, type CrashTest } from './crash-test.js';
import type { ControlCall } from './refresh-control.js';
import type { ServiceProcess } from './service-process.js';

const CALLS: readonly ControlCall[] = ['pause', 'pause', 'resume', 'resume', 'cancel', 'retry', 'retry'];
/** How many times as long as intended a scenario may take. */
const MOST = 5;

/**
 * Cancels, pauses, resumes and retries overlapping refreshes at random, while processes that accept and work are killed at random. In
 * the end all paused refreshes are resumed, and everything has to come to its end.
 */
export async function controlRefreshesAtRandom(
  test: CrashTest,
  { processes: count, times, tokens }: { processes: number; times: number; tokens: number },
): Promise<void> {
  const project = await test.aProject(tokens);
  const processes = await Promise.all(Array.from({ length: count }, () => test.startProcess('all')));
  const any = () => processes[randomInt(count)]!;
  await test.scriptMixedResponsesAfterSuccess(any().url, project);
  const first = test.accepted.length;
  const statuses = new Set<number>();

  let time = 0;
  // Chance may leave a kind of call out: then it goes on until each has done something.
  for (; time < times || (time < MOST * times && !(await hasEach(test, project))); time += 1) {
    await requestSomewhere(test, processes, project);
    const calls = Array.from({ length: 4 }, async () => {
      await delay(Math.random() * 800);
      const refreshes = await findRefreshes(test, project);
      const refreshId = refreshes[randomInt(refreshes.length)]!;
      statuses.add(await test.control(any().url, project, refreshId, CALLS[randomInt(CALLS.length)]!));
    });
    await delay(Math.random() * 800);
    const victim = randomInt(count);
    await processes[victim]!.end('SIGKILL');
    await Promise.all(calls);
    processes[victim] = await test.startProcess('all');
    // Also of the sweep of the killed process, whose refreshes belong to it for a few seconds.
    await test.expireLeases();
  }
  for (const refreshId of await findRefreshes(test, project)) await resume(test, any(), project, refreshId);
  await test.expireLeases();
  await test.expectAllDone();

  // 0: the process was killed.
  expect([...statuses].filter((status) => ![0, 202, 409].includes(status))).toEqual([]);
  expect(statuses).toContain(202);
  expect(test.accepted.length).toBe(first + time);
  expect(await hasEach(test, project)).toBe(true);
  await test.killAll('all');
}

/** Another process may be killed. */
async function requestSomewhere(
  test: CrashTest,
  processes: readonly ServiceProcess[],
  project: CrashProject,
): Promise<void> {
  const some = project.tokenIds.slice(0, randomInt(1, project.tokenIds.length + 1));
  for (const { url } of processes) {
    const response = await test.post(url, project, some).catch(() => null);
    if (response?.status === 202) return;
  }
  throw new Error('no process has accepted a refresh');
}

async function findRefreshes({ database }: CrashTest, { id }: CrashProject): Promise<string[]> {
  const rows = await database.query<{ id: string }>('select id from nft_metadata.refreshes where project_id = $1', [
    id,
  ]);
  return rows.map((row) => row.id);
}

/** 409: it is completed or cancelled. */
async function resume(
  test: CrashTest,
  { url }: ServiceProcess,
  project: CrashProject,
  refreshId: string,
): Promise<void> {
  await waitUntil(async () => [202, 409].includes(await test.control(url, project, refreshId, 'resume')));
}

/** Whether some tokens were cancelled, some requested again and fetched, and some refreshed. */
async function hasEach({ database }: CrashTest, { id }: CrashProject): Promise<boolean> {
  const [row] = await database.query<{ hasEach: boolean }>(
    `select bool_or(cancelled > 0) and bool_or(retry_of is not null and succeeded + failed > 0) and bool_or(succeeded > 0) as "hasEach"
     from nft_metadata.refreshes where project_id = $1`,
    [id],
  );
  return row!.hasEach;
}
