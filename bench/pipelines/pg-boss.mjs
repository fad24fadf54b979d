// pg-boss as its documentation recommends for many small jobs: batched inserts, batched fetches without a pause while batches
// are full, and batched completion with a result per job.
import { PgBoss } from 'pg-boss';
import { FETCH_CONCURRENCY } from './settings.mjs';

/** A batch waits for its slowest job, so several batches run concurrently. */
const MAX_CONCURRENT_BATCHES = 2;
const QUEUE = 'refresh-token';

export async function openQueue({ databaseUrl }) {
  const boss = new PgBoss({ connectionString: databaseUrl, max: 8, schedule: false, useListenNotify: true });
  // This process is suspended while the others are measured. Its pending operations time out meanwhile.
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
          batchSize: FETCH_CONCURRENCY / MAX_CONCURRENT_BATCHES,
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
