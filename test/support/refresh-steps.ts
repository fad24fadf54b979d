import { requestRefresh } from './project-api.js';
import type { TestApp, TestProject } from './start-app.js';

/** Every token of the host may be fetched at once, and the time of the database stands still: delays are exact. */
export async function freezeTimeWithoutCooldowns({ metadataApi, database }: TestApp): Promise<void> {
  metadataApi.hits.clear();
  await database.query("update nft_metadata.metadata_hosts set cooldown_until = '-infinity'");
  await database.freezeTime();
}

/** Returns the id of the refresh after the worker has processed what is due. */
export async function refreshOnce(
  { app, worker }: TestApp,
  project: TestProject,
  tokenIds: readonly string[],
): Promise<string> {
  const refreshId = await requestRefresh(app, project, tokenIds);
  await worker.runOnce();
  return refreshId;
}

/** The time of the database in a number of seconds. */
export async function inSeconds({ database }: Pick<TestApp, 'database'>, seconds: number): Promise<string> {
  const [row] = await database.query<{ time: Date }>(`select now() + $1 * interval '1 second' as time`, [seconds]);
  return row!.time.toISOString();
}

export async function workSecondsLater({ database, worker }: TestApp, seconds: number): Promise<void> {
  await database.advance(seconds);
  await worker.runOnce();
}

/** Attempts so far, and in how many seconds the next one is due (0: the token is final), of a refresh for one token. */
export async function attemptsOf(
  { database }: TestApp,
  refreshId: string,
): Promise<{ status: string; tries: number; dueIn: number }> {
  const [row] = await database.query<{ status: string; tries: number; dueIn: number }>(
    `select 'pending' as status, attempt_count as tries, extract(epoch from due_at - now())::float8 as "dueIn"
     from nft_metadata.refresh_chunks where refresh_id = $1
     union all
     select case when verdict in ('f', 'c') then 'failed' else 'succeeded' end, attempts, 0
     from nft_metadata.refresh_results where refresh_id = $1`,
    [refreshId],
  );
  return row!;
}
