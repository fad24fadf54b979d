// The pipelines with a job library: the API process stores a refresh with its items and adds one job per token; in the worker
// process, a job fetches, normalises and stores one token. `node job-per-token.mjs <library> <api|worker>`
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { reportReady } from '../support/processes.mjs';
import { fetchText, metadataUrlOf, normalise } from './axios-metadata.mjs';
import { saveError, saveRefresh, saveToken } from './plain-tables.mjs';
import { servePosts } from './serve-posts.mjs';

const [library, role] = process.argv.slice(2);
const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 25 });
pool.on('error', () => {});
pool.on('connect', (client) => client.on('error', () => {}));
const { openQueue } = await import(`./${library}.mjs`);
const queue = await openQueue({
  pool,
  databaseUrl: process.env.DATABASE_URL,
  redisPort: Number(process.env.REDIS_PORT),
});

/** Throws only errors that the library should retry. */
async function refreshToken(job) {
  let text;
  try {
    text = await fetchText(metadataUrlOf(job));
  } catch (error) {
    if ([429, 503].includes(error.response?.status)) throw error;
    return saveError(pool, job, error);
  }
  await saveToken(pool, job, normalise(text));
}

if (role === 'api') {
  const url = await servePosts(async ({ metadataUrl, collection, tokenIds }) => {
    const refreshId = randomUUID();
    await saveRefresh(pool, refreshId, collection, tokenIds);
    await queue.add(tokenIds.map((tokenId) => ({ refreshId, collection, tokenId, metadataUrl })));
  });
  reportReady(url);
} else {
  await queue.work(refreshToken);
  reportReady('worker');
}

process.once('SIGTERM', () => process.exit(0));
