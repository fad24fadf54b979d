// BullMQ as its documentation recommends: `addBulk`, `removeOnComplete`, one worker with concurrency, and Redis with
// `appendfsync everysec`.
import { Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { FETCH_CONCURRENCY } from './settings.mjs';

const QUEUE = 'refresh-token';

export async function openQueue({ redisPort }) {
  const connect = () => new Redis({ port: redisPort, host: '127.0.0.1', maxRetriesPerRequest: null });
  const queue = new Queue(QUEUE, {
    connection: connect(),
    defaultJobOptions: {
      attempts: 3,
      backoff: { type: 'exponential', delay: 1000 },
      removeOnComplete: true,
      removeOnFail: true,
    },
  });
  await queue.waitUntilReady();
  return {
    add: (jobs) => queue.addBulk(jobs.map((data) => ({ name: 'refresh', data }))),
    work: (refreshToken) =>
      new Worker(QUEUE, ({ data }) => refreshToken(data), {
        connection: connect(),
        concurrency: FETCH_CONCURRENCY,
      }).waitUntilReady(),
  };
}
