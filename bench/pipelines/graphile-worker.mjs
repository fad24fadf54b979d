// graphile-worker as its "performance" page recommends: a local queue, which claims jobs in batches, and batched completion.
// `addJobs` adds all jobs of a request in one statement.
import { Logger, makeWorkerUtils, run } from 'graphile-worker';
import { FETCH_CONCURRENCY } from './settings.mjs';

const silent = new Logger(() => () => {});

export async function openQueue({ pool }) {
  const utils = await makeWorkerUtils({ pgPool: pool, logger: silent });
  await utils.migrate();
  return {
    add: (jobs) => utils.addJobs(jobs.map((payload) => ({ identifier: 'refresh-token', payload, maxAttempts: 3 }))),
    work: (refreshToken) =>
      run({
        pgPool: pool,
        logger: silent,
        noHandleSignals: true,
        preset: {
          worker: {
            concurrentJobs: FETCH_CONCURRENCY,
            maxPoolSize: 25,
            pollInterval: 500,
            localQueue: { size: 500 },
            completeJobBatchDelay: 0,
            failJobBatchDelay: 0,
          },
        },
        taskList: { 'refresh-token': refreshToken },
      }),
  };
}
