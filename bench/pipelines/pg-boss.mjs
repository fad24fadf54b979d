// pg-boss, tuned as its documentation advises for many small jobs: inserted in batches, fetched in batches without a
// pause while batches come back full, and completed in batches with a result for each job.
import { PgBoss } from 'pg-boss';
import { FETCHES_AT_ONCE } from './settings.mjs';

/** A batch waits for its slowest job; several at once keep the others busy. */
const MAX_CONCURRENT_BATCHES = 2;
const QUEUE = 'refresh-token';

export async function openQueue({ databaseUrl }) {
  const boss = new PgBoss({ connectionString: databaseUrl, max: 8, schedule: false, useListenNotify: true });
  // While the others have their turns this process stands still, and what it waited for has timed out when it goes on.
  boss.on('error', () => {});
  await boss.start();
  await boss.createQueue(QUEUE, { notify: true, retryLimit: 2 });
  return {
    add: (jobs) =>
      boss.insert(
        QUEUE,
        jobs.map((data) => ({ data })),
      ),
    work: (refreshToken) =>
      boss.work(
        QUEUE,
        {
          batchSize: FETCHES_AT_ONCE / MAX_CONCURRENT_BATCHES,
          localConcurrency: MAX_CONCURRENT_BATCHES,
          burstWhenBatchFull: true,
          perJobResults: true,
          pollingIntervalSeconds: 0.5,
        },
        (jobs) => Promise.all(jobs.map((job) => resultOf(job, refreshToken))),
      ),
  };
}

async function resultOf({ id, data }, refreshToken) {
  try {
    await refreshToken(data);
    return { id, status: 'completed' };
  } catch (error) {
    return { id, status: 'failed', output: { message: error.message } };
  }
}
