// End-to-end throughput, from the HTTP request to the stored records: this service against the other pipelines. All contenders
// are started once. Then they run in turn, case by case and round by round, while the others are suspended.
import { PIPELINES } from './pipelines/index.mjs';
import { reportPipelines } from './pipelines/report.mjs';
import { FETCH_CONCURRENCY } from './pipelines/settings.mjs';
import { sleep, timed, tokenIds } from './support/measure.mjs';
import { DOCUMENTS } from './support/metadata-host.mjs';

const CASES = [
  { latency: 0, document: 'small' },
  { latency: 50, document: 'small' },
  { latency: 0, document: 'large' },
  { latency: 50, document: 'large' },
].map((one) => ({
  ...one,
  key: `${one.latency}-${one.document}`,
  size: DOCUMENTS[one.document].label,
  label: `${one.latency} ms, ${DOCUMENTS[one.document].label}`,
}));

const POLL_INTERVAL_MS = 10;
const TIMEOUT_MS = 120_000;

export const pipelines = {
  async run(lab) {
    const { options, redis, log } = lab;
    const isWanted = ({ key }) => !options.against || key === 'service' || options.against.includes(key);
    const isUnavailable = ({ needsRedis }) => needsRedis && !redis;
    const wanted = PIPELINES.filter(isWanted);
    const cases = CASES.filter(({ key }) => !options.cases || options.cases.includes(key));

    const contenders = [];
    for (const pipeline of wanted) if (!isUnavailable(pipeline)) contenders.push(await start(pipeline, lab));
    for (const contender of contenders) await runResumed(contender, () => warmUp(contender, lab));
    for (let round = 1; round <= options.rounds; round += 1) {
      for (const one of cases) {
        for (const contender of contenders) {
          const measured = await runResumed(contender, () => measure(contender, one, lab));
          (contender.results[one.key] ??= []).push(measured);
          log(`round ${round}, ${one.label}, ${contender.name}: ${Math.round(measured.tokensPerSecond)} tokens/s`);
        }
      }
    }
    for (const contender of contenders) await stop(contender);

    const unavailable = wanted
      .filter(isUnavailable)
      .map(({ name }) => ({ name, reason: 'no `redis-server` on the PATH' }));
    return reportPipelines({ contenders, unavailable }, cases);
  },
};

async function start(pipeline, { postgres, redis, metadataHost }) {
  const database = pipeline.usesDatabase
    ? await postgres.createDatabase(`pipeline_${pipeline.key.replace('-', '_')}`)
    : null;
  const running = await pipeline.start({ key: pipeline.key, database, redis, metadataHost });
  for (const program of running.programs) program.pause();
  return { ...pipeline, ...running, database, results: {} };
}

async function runResumed({ programs }, work) {
  for (const program of programs) program.resume();
  const result = await work();
  for (const program of programs) program.pause();
  return result;
}

async function warmUp(contender, { metadataHost, options }) {
  for (const document of Object.keys(DOCUMENTS)) {
    const ids = tokenIds((options.tokens / 4) * (contender.share ?? 1));
    const collection = await contender.register(`${metadataHost.url}/0/${document}/warm-up`, ids);
    await refreshAll(contender, collection, ids);
  }
}

async function measure(contender, { latency, document }, { postgres, redis, metadataHost, options }) {
  const { database, programs, name, share = 1 } = contender;
  const tokens = Math.ceil(options.tokens * share);
  const ids = tokenIds(tokens);
  const collection = await contender.register(`${metadataHost.url}/${latency}/${document}/collection`, ids);
  await database?.vacuum();
  await database?.resetStatements();
  await maxConcurrent(metadataHost);
  for (const program of programs) program.resetPeakMemory();

  const cpu = () => ({
    node: programs.reduce((sum, program) => sum + program.cpuSeconds(), 0),
    database: postgres.cpuSeconds() + (contender.needsRedis ? redis.cpuSeconds() : 0),
  });
  const before = cpu();
  const { milliseconds } = await timed(() => refreshAll(contender, collection, ids));
  const after = cpu();

  const statements = (await database?.statements()) ?? [];
  const concurrent = await maxConcurrent(metadataHost);
  if (concurrent > FETCH_CONCURRENCY)
    throw new Error(`${name} had ${concurrent} concurrent fetches; the limit is ${FETCH_CONCURRENCY}`);
  const succeeded = contender.succeeded ? await contender.succeeded(collection) : tokens;
  if (succeeded !== tokens) throw new Error(`${name} reports ${succeeded} of ${tokens} tokens as succeeded`);
  return {
    tokensPerSecond: (tokens / milliseconds) * 1000,
    nodeMicroseconds: ((after.node - before.node) / tokens) * 1e6,
    databaseMicroseconds: database ? ((after.database - before.database) / tokens) * 1e6 : 0,
    statementsPerToken: statements.reduce((sum, { calls }) => sum + calls, 0) / tokens,
    statements,
    megabytes: programs.reduce((sum, program) => sum + program.peakMemoryBytes(), 0) / 2 ** 20,
    tokens,
  };
}

/** Sends the requests and waits until all refreshes are completed. */
async function refreshAll(contender, collection, ids) {
  await contender.refresh(collection, ids);
  const deadline = performance.now() + TIMEOUT_MS;
  while (await contender.isUnfinished()) {
    if (performance.now() > deadline) throw new Error(`${contender.name} did not finish within two minutes`);
    await sleep(POLL_INTERVAL_MS);
  }
}

async function maxConcurrent(metadataHost) {
  return (await (await fetch(`${metadataHost.url}/max-concurrent`, { headers: { connection: 'close' } })).json())
    .maxConcurrent;
}

async function stop({ programs, database }) {
  for (const program of programs) await program.stop();
  await database?.drop();
}
