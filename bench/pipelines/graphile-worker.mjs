// graphile-worker, tuned as its "performance" page advises: a local queue, so that jobs are claimed in batches, and
// batched completion. Jobs are added with one statement for a request.
import { Logger, makeWorkerUtils, run } from 'graphile-worker';
import { FETCHES_AT_ONCE } from './settings.mjs';

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
            concurrentJobs: FETCHES_AT_ONCE,
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
