// End-to-end throughput, from the HTTP request to the stored records: this service against the other pipelines. All contenders
// are started once. Then they run in turn, case by case and round by round, while the others are suspended.
import { otherCheckout, PIPELINES } from './pipelines/index.mjs';
import { reportPipelines } from './pipelines/report.mjs';
import { FETCH_CONCURRENCY } from './pipelines/settings.mjs';
import { sleep, timed, tokenIds } from './support/measure.mjs';
import { DOCUMENTS } from './support/metadata-host.mjs';

/** `of` is what the host serves in comparison with the last fetch of the token. */
const CASES = [
  { latency: 0, document: 'small', of: 'first' },
  { latency: 0, document: 'small', of: 'changed' },
  { latency: 0, document: 'small', of: 'unchanged' },
  { latency: 0, document: 'small', of: '304' },
  { latency: 50, document: 'small', of: 'first' },
  { latency: 0, document: 'large', of: 'first' },
  { latency: 0, document: 'large', of: 'unchanged' },
  { latency: 0, document: 'large', of: '304' },
  { latency: 50, document: 'large', of: 'first' },
].map((one) => ({
  ...one,
  key: `${one.latency}-${one.document}${one.of === 'first' ? '' : `-${one.of}`}`,
  size: DOCUMENTS[one.document].label,
  label: `${one.latency} ms, ${DOCUMENTS[one.document].label}${one.of === 'first' ? '' : `, ${one.of}`}`,
}));

const POLL_INTERVAL_MS = 10;
const TIMEOUT_MS = 120_000;

export const pipelines = {
  async run(lab) {
    const { options, redis, log } = lab;
    const [service, ...others] = PIPELINES;
    const all = [service, ...(options.compare ? [otherCheckout(options.compare, options.compareAs)] : []), ...others];
    const isWanted = ({ key }) => !options.against || ['service', 'compared', ...options.against].includes(key);
    const isUnavailable = ({ needsRedis }) => needsRedis && !redis;
    const wanted = all.filter(isWanted);
    const cases = CASES.filter(({ key }) => !options.cases || options.cases.includes(key));

    const contenders = [];
    for (const pipeline of wanted) if (!isUnavailable(pipeline)) contenders.push(await start(pipeline, lab));
    for (const contender of contenders) await runResumed(contender, () => warmUp(contender, lab));
    for (let round = 1; round <= options.rounds; round += 1) {
      for (const contender of contenders) contender.collections = new Map();
      for (const one of cases) {
        for (const contender of contenders.filter(({ knowsTokens }) => one.of === 'first' || knowsTokens)) {
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

async function measure(contender, one, { postgres, redis, metadataHost, options }) {
  const { database, programs, name, share = 1 } = contender;
  const tokens = Math.ceil(options.tokens * share);
  const ids = tokenIds(tokens);
  const collection = await serve(contender, one, ids, metadataHost);
  await database?.vacuum();
  await database?.resetStatements();
  await counts(metadataHost);
  for (const program of programs) program.resetPeakMemory();

  const cpu = () => ({
    node: programs.reduce((sum, program) => sum + program.cpuSeconds(), 0),
    database: postgres.cpuSeconds() + (contender.needsRedis ? redis.cpuSeconds() : 0),
  });
  const before = cpu();
  const { milliseconds } = await timed(() => refreshAll(contender, collection, ids));
  const after = cpu();

  const statements = (await database?.statements()) ?? [];
  const { maxConcurrent, notModified } = await counts(metadataHost);
  if (maxConcurrent > FETCH_CONCURRENCY)
    throw new Error(`${name} had ${maxConcurrent} concurrent fetches; the limit is ${FETCH_CONCURRENCY}`);
  if (contender.succeeded && notModified !== (one.of === '304' ? tokens : 0))
    throw new Error(`${name} got 304 for ${notModified} of ${tokens} tokens in the case "${one.label}"`);
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

/**
 * A collection for which the host serves what the case is about. The cases of a round with the same latency and document share
 * one, so that its tokens are already known after the first.
 */
async function serve(contender, { latency, document, of }, ids, metadataHost) {
  const key = `${latency}-${document}`;
  if (of === 'first' || !contender.collections.has(key)) {
    const collection = await contender.register(`${metadataHost.url}/${latency}/${document}/collection`, ids);
    contender.collections.set(key, { collection, revision: 1 });
    await control(metadataHost, 'serve/1/200');
    if (of !== 'first') await refreshAll(contender, collection, ids);
  }
  const known = contender.collections.get(key);
  if (of === 'changed') known.revision += 1;
  await control(metadataHost, `serve/${known.revision}/${of === '304' ? 304 : 200}`);
  return known.collection;
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

function counts(metadataHost) {
  return control(metadataHost, 'counts');
}

async function control({ url }, path) {
  return (await fetch(`${url}/${path}`, { headers: { connection: 'close' } })).json();
}

async function stop({ programs, database }) {
  for (const program of programs) await program.stop();
  await database?.drop();
}
