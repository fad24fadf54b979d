// The pipelines that are compared. Each one starts its processes, registers tokens, requests refreshes and reports whether any
// are unfinished. Those with `knowsTokens` are also measured with tokens that were fetched before.
import { basename, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { chunks } from '../support/measure.mjs';
import { Program } from '../support/processes.mjs';
import { readRefresh, requestRefresh, Service } from '../support/service.mjs';
import { PLAIN_TABLES, registerPlainTokens, SUCCEEDED, UNFINISHED } from './plain-tables.mjs';
import { FETCH_CONCURRENCY, TOKENS_PER_REQUEST } from './settings.mjs';

export const PIPELINES = [
  { key: 'service', name: 'this service', usesDatabase: true, knowsTokens: true, start: startService },
  {
    key: 'graphile-worker',
    name: 'graphile-worker, a job per token',
    usesDatabase: true,
    isJobLibrary: true,
    start: startJobs,
  },
  { key: 'pg-boss', name: 'pg-boss, a job per token', usesDatabase: true, isJobLibrary: true, start: startJobs },
  {
    key: 'bullmq',
    name: 'BullMQ, a job per token',
    usesDatabase: true,
    isJobLibrary: true,
    needsRedis: true,
    start: startJobs,
  },
  // Slow: a fifth of the tokens is enough for a measurement.
  {
    key: 'naive-nest',
    name: 'naive Nest service, a flush per token',
    usesDatabase: true,
    share: 0.2,
    start: startNaiveNest,
  },
  { key: 'axios-loop', name: 'axios loop without storage', knowsTokens: true, start: startLoop },
  { key: 'undici-loop', name: 'undici loop without storage', start: startLoop },
];

/** This service, built in another checkout: `folder` has `dist` and `node_modules`. The results call it `name`. */
export function otherCheckout(folder, name = `the build in "${basename(resolve(folder))}"`) {
  const dist = pathToFileURL(join(resolve(folder), 'dist/'));
  return {
    key: 'compared',
    name,
    usesDatabase: true,
    knowsTokens: true,
    start: async ({ database, metadataHost }) =>
      startProcesses(await Service.prepareOther(dist, database, metadataHost)),
  };
}

async function startService({ database, metadataHost }) {
  return startProcesses(await Service.prepare(database, metadataHost));
}

async function startProcesses(service) {
  const project = await service.addProject();
  const api = await service.startApi();
  const worker = await service.startWorker();
  return {
    programs: [api, worker],
    register: (metadataUrl, tokenIds) => service.addCollection(project, metadataUrl, tokenIds, FETCH_CONCURRENCY),
    async refresh(collection, tokenIds) {
      collection.refreshes = [];
      for (const chunk of chunks(tokenIds, TOKENS_PER_REQUEST)) {
        collection.refreshes.push(await requestRefresh(api, project, collection, chunk));
      }
    },
    isUnfinished: () => service.hasUnfinished(),
    async succeeded(collection) {
      const refreshes = await Promise.all(collection.refreshes.map((id) => readRefresh(api, project, id)));
      return refreshes.reduce((sum, { summary }) => sum + summary.succeeded, 0);
    },
  };
}

async function startJobs({ key, database, redis }) {
  await database.query(PLAIN_TABLES);
  const env = { DATABASE_URL: database.url, REDIS_PORT: String(redis?.port) };
  // One after the other: both migrate the library's schema.
  const api = await Program.start(pathOf('job-per-token'), { args: [key, 'api'], env });
  const worker = await Program.start(pathOf('job-per-token'), { args: [key, 'worker'], env });
  return { programs: [api, worker], ...onPlainTables(database, `${api.url}/`) };
}

async function startNaiveNest({ database }) {
  await database.query(PLAIN_TABLES);
  const program = await Program.start(pathOf('naive-nest'), { env: { DATABASE_URL: database.url } });
  return { programs: [program], ...onPlainTables(database, `${program.url}/refreshes`) };
}

async function startLoop({ key }) {
  const program = await Program.start(pathOf(key));
  return {
    programs: [program],
    register: (metadataUrl) => ({ metadataUrl }),
    refresh: ({ metadataUrl }, tokenIds) => post(program.url, { metadataUrl, tokenIds }),
    isUnfinished: () => false,
  };
}

function onPlainTables(database, url) {
  let collections = 0;
  return {
    async register(metadataUrl, tokenIds) {
      collections += 1;
      const collection = `collection-${collections}`;
      await registerPlainTokens(database, collection, tokenIds);
      return { collection, metadataUrl };
    },
    async refresh(collection, tokenIds) {
      for (const chunk of chunks(tokenIds, TOKENS_PER_REQUEST)) await post(url, { ...collection, tokenIds: chunk });
    },
    isUnfinished: async () => (await database.query(UNFINISHED))[0].unfinished,
    async succeeded({ collection }) {
      return (await database.query(SUCCEEDED, [collection]))[0].count;
    },
  };
}

async function post(url, body) {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', connection: 'close' },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${url} responded with ${response.status}: ${await response.text()}`);
}

function pathOf(program) {
  return fileURLToPath(new URL(`./${program}.mjs`, import.meta.url));
}
