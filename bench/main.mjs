// npm run bench: runs all benchmarks of docs/explanation/benchmarks and writes the results there.
//   npm run bench -- --quick                                  a rough run of six minutes; prints the results
//   npm run bench -- --only pipelines --against axios-loop    some benchmarks; prints the results
//   npm run bench -- --compare ../v0.1 --compare-as "version 0.1"    in `pipelines`, also the build in that checkout
import { mkdirSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { chainEvents } from './chain-events.mjs';
import { consolePages } from './console.mjs';
import { fairness } from './fairness.mjs';
import { fetchCost } from './fetch-cost.mjs';
import { hostileHosts } from './hostile-hosts.mjs';
import { largeSelection } from './large-selection.mjs';
import { memory } from './memory.mjs';
import { millionTokens } from './million-tokens.mjs';
import { pipelines } from './pipelines.mjs';
import { profile } from './profile.mjs';
import { reveal } from './reveal.mjs';
import { smallBesideMillion } from './small-beside-million.mjs';
import { accept } from './queries/accept.mjs';
import { blockedLane } from './queries/blocked-lane.mjs';
import { claimGrowth } from './queries/claim-growth.mjs';
import { readsAtScale } from './queries/reads-at-scale.mjs';
import { receiptSize } from './queries/receipt-size.mjs';
import { cleanUp, cleanUpOnExit } from './support/clean-up.mjs';
import { startMetadataHost } from './support/metadata-host.mjs';
import { plot } from './support/plot.mjs';
import { Postgres } from './support/postgres.mjs';
import { startRedis } from './support/redis.mjs';
import { describeMachine, report } from './support/report.mjs';
import { twoWorkers } from './two-workers.mjs';

const BENCHMARKS = {
  pipelines,
  accept,
  'claim-growth': claimGrowth,
  'blocked-lane': blockedLane,
  'reads-at-scale': readsAtScale,
  'receipt-size': receiptSize,
  'two-workers': twoWorkers,
  fairness,
  'small-beside-million': smallBesideMillion,
  'large-selection': largeSelection,
  'million-tokens': millionTokens,
  'chain-events': chainEvents,
  reveal,
  console: consolePages,
  memory,
  'hostile-hosts': hostileHosts,
  'fetch-cost': fetchCost,
  profile,
};
/** Run only if `--only` names them. */
const OPTIONAL = ['console', 'hostile-hosts', 'million-tokens', 'reads-at-scale'];
const RESULTS = new URL('../docs/explanation/benchmarks/', import.meta.url);

const { values: given } = parseArgs({
  options: {
    rounds: { type: 'string' },
    tokens: { type: 'string' },
    only: { type: 'string' },
    against: { type: 'string' },
    cases: { type: 'string' },
    compare: { type: 'string' },
    'compare-as': { type: 'string' },
    quick: { type: 'boolean', default: false },
  },
});
const list = (text) => text?.split(',');
const options = {
  rounds: Number(given.rounds ?? (given.quick ? 1 : 3)),
  tokens: Number(given.tokens ?? (given.quick ? 2000 : 4000)),
  posts: given.quick ? 30 : 100,
  pending: given.quick ? 20_000 : 100_000,
  queued: given.quick ? 100_000 : 1_000_000,
  /** `chain-events`: announced changes, and events of the storm. */
  announced: given.quick ? 40 : 200,
  storm: given.quick ? 2000 : 10_000,
  /** `reveal`: the sizes of the collections. */
  revealed: given.quick ? [1000, 10_000] : [1000, 10_000, 100_000],
  receipts: given.quick ? 100_000 : 1_000_000,
  finishedTokens: given.quick ? 500_000 : 10_000_000,
  /** `reads-at-scale`: the sizes of the collections, and the number of measurements of each page. */
  collections: given.quick ? [30_000, 100_000] : [300_000, 1_000_000],
  pages: given.quick ? 5 : 15,
  only: list(given.only) ?? Object.keys(BENCHMARKS).filter((name) => !OPTIONAL.includes(name)),
  against: list(given.against),
  cases: list(given.cases),
  compare: given.compare,
  /** What the tables call it. */
  compareAs: given['compare-as'],
};
const isComplete = !given.quick && !given.only && !given.against && !given.cases;

for (const name of options.only) {
  if (!BENCHMARKS[name])
    throw new Error(`Unknown benchmark ${JSON.stringify(name)}. Choose from ${Object.keys(BENCHMARKS).join(', ')}.`);
}

cleanUpOnExit();
try {
  await main();
} catch (error) {
  process.stderr.write(`${error.stack}\n`);
  process.exitCode = 1;
} finally {
  await cleanUp();
}
process.exit();

async function main() {
  const postgres = await Postgres.start();
  const redis = await startRedis();
  const metadataHost = await startMetadataHost();
  const machine = describeMachine({ postgres, redis });
  const results = [];
  for (const name of options.only) {
    const startedAt = performance.now();
    const log = (line) => process.stderr.write(`${name}: ${line}\n`);
    results.push({
      tables: [],
      goals: [],
      charts: [],
      ...BENCHMARKS[name],
      ...(await BENCHMARKS[name].run({ postgres, redis, metadataHost, options, log })),
    });
    log(`took ${((performance.now() - startedAt) / 1000).toFixed(0)} s`);
  }

  const text = report({ machine, options, results });
  process.stdout.write(text);
  if (!isComplete) return;
  mkdirSync(RESULTS, { recursive: true });
  writeFileSync(new URL('results.md', RESULTS), text);
  writeFileSync(new URL('tokens-per-second.svg', RESULTS), plot(results.flatMap(({ charts }) => charts)));
}
