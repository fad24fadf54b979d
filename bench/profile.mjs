// Time per token: CPU of the worker process by package, file and function, and execution time in PostgreSQL by statement. The bundle's
// source maps name the files.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FETCH_CONCURRENCY } from './pipelines/settings.mjs';
import { onCleanUp } from './support/clean-up.mjs';
import { byFunction, byOwnFile, byPackage, cpuBy } from './support/cpu-profile.mjs';
import { sleep, tokenIds } from './support/measure.mjs';
import { DOCUMENTS } from './support/metadata-host.mjs';
import { requestRefresh, Service } from './support/service.mjs';

const SAMPLE_INTERVAL_MICROSECONDS = 200;
const SHOWN = 12;

export const profile = {
  title: 'Profile',
  async run({ postgres, metadataHost, options, log }) {
    const tables = [];
    for (const [document, { label }] of Object.entries(DOCUMENTS)) {
      log(`with documents of ${label}`);
      tables.push(...(await profileOne(document, label, { postgres, metadataHost, tokens: options.tokens })));
    }
    return { goals: [], tables };
  },
};

async function profileOne(document, label, { postgres, metadataHost, tokens }) {
  const folder = mkdtempSync(join(tmpdir(), 'bench-profile-'));
  onCleanUp(() => rmSync(folder, { recursive: true, force: true }));
  const database = await postgres.createDatabase(`profile_${document}`);
  const service = await Service.prepare(database, metadataHost);
  const project = await service.addProject();
  const api = await service.startApi();
  const worker = await service.startWorker([
    '--cpu-prof',
    `--cpu-prof-dir=${folder}`,
    `--cpu-prof-interval=${SAMPLE_INTERVAL_MICROSECONDS}`,
  ]);

  const ids = tokenIds(tokens);
  const refresh = async (name) => {
    const collection = await service.addCollection(
      project,
      `${metadataHost.url}/0/${document}/${name}`,
      ids,
      FETCH_CONCURRENCY,
    );
    await database.vacuum();
    await database.resetStatements();
    const from = microsecondsNow();
    for (let at = 0; at < tokens; at += 1000) await requestRefresh(api, project, collection, ids.slice(at, at + 1000));
    while (await service.hasUnfinished()) await sleep(10);
    return { from, to: microsecondsNow() };
  };
  await refresh('warm-up');
  const measured = await refresh('profiled');
  const statements = await database.statements();
  await worker.stop();
  await api.stop();
  await service.close();
  await database.drop();

  const [written] = readdirSync(folder);
  const perToken = (by) =>
    cpuBy(by, join(folder, written), measured)
      .slice(0, SHOWN)
      .map(({ key, microseconds }) => [`\`${key}\``, (microseconds / tokens).toFixed(1)]);
  return [
    {
      title: `${label}: CPU of the worker, by package`,
      head: ['package, file or function', 'µs per token'],
      rows: perToken(byPackage),
    },
    {
      title: `${label}: CPU of the worker, by file of this project (the innermost on the stack)`,
      head: ['file', 'µs per token'],
      rows: perToken(byOwnFile),
    },
    {
      title: `${label}: CPU of the worker, by function`,
      head: ['function', 'µs per token'],
      rows: perToken(byFunction),
    },
    {
      title: `${label}: statements`,
      head: ['statement', 'calls per token', 'µs in PostgreSQL per token'],
      rows: statements
        .filter(({ calls }) => calls / tokens >= 0.0005)
        .map(({ query, calls, milliseconds }) => [
          `\`${nameOf(query)}\``,
          (calls / tokens).toFixed(4),
          ((milliseconds / tokens) * 1000).toFixed(1),
        ]),
    },
  ];
}

/** A short name: the verbs and tables of the statement. */
function nameOf(query) {
  const locks = /^select\b.*\bfor (no key )?update\b/s.test(query) ? ['lock'] : [];
  const names = [];
  for (const [, verb, table] of query.matchAll(
    /\b(insert into|update|delete from|from|join)\s+"?nft_metadata"?\."?(\w+)/g,
  )) {
    names.push(verb === 'from' || verb === 'join' ? table : `${verb} ${table}`);
  }
  for (const [name] of query.matchAll(/\b(nextval|pg_notify)\b/g)) names.push(name);
  return [...locks, [...new Set(names)].join(', ')].join(' ') || query.replace(/\s+/g, ' ').slice(0, 60);
}

function microsecondsNow() {
  return Number(process.hrtime.bigint() / 1000n);
}
