// A request for ten tokens while another project has a million queued, against the same alone. One process does everything.
import { median, medianRatio, sleep, timed, tokenIds } from './support/measure.mjs';
import { startMetadataHost } from './support/metadata-host.mjs';
import { readRefresh, requestRefresh, Service } from './support/service.mjs';

const TOKENS = 10;
/** Of each kind in a turn, and turns in a round: what else the machine does meets all of them alike. */
const REQUESTS = 4;
const TURNS = 5;
/** Several times as long as a claim and a completion, so that requests begin at any point of the worker's turns. */
const PAUSE_MS = 100;
/** Asked for again when all have been: unchanged then, and cheaper. */
const COLLECTION_TOKENS = 10_000;
const TOKENS_PER_REFRESH = 1000;
/** Until the worker asks the hog's host for as much as it takes, and completions follow each other. */
const HOG_AHEAD_MS = 5000;
/** After a pause that lasted no longer than a turn. */
const HOG_AGAIN_MS = 500;
/** What the service asks of a host by default. */
const DEFAULT_LIMIT = 8;

export const smallBesideMillion = {
  title: 'Ten tokens beside a million',
  async run({ postgres, metadataHost, options, log }) {
    const queued = `${options.queued.toLocaleString('en')} queued tokens`;
    const otherHost = await startMetadataHost();
    const quiet = await prepare(postgres, 'quiet', [metadataHost, otherHost], 0);
    const busy = await prepare(postgres, 'busy', [metadataHost, otherHost], options.queued);
    await sleep(HOG_AHEAD_MS);
    const milliseconds = { alone: [], otherHost: [], sameHost: [] };
    const all = { alone: [], otherHost: [], sameHost: [] };
    for (let round = 1; round <= options.rounds; round += 1) {
      const times = { alone: [], otherHost: [], sameHost: [] };
      for (let turn = 0; turn < TURNS; turn += 1) {
        busy.program.pause();
        times.alone.push(...(await quiet.ask(quiet.sameHost)));
        busy.program.resume();
        await sleep(HOG_AGAIN_MS);
        times.otherHost.push(...(await busy.ask(busy.otherHost)));
        times.sameHost.push(...(await busy.ask(busy.sameHost)));
      }
      for (const [key, values] of Object.entries(times)) {
        milliseconds[key].push(median(values));
        all[key].push(...values);
      }
      const left = await busy.service.countPending();
      if (left === 0) throw new Error('the queue ran empty while it should have been worked off');
      const medians = Object.values(milliseconds).map((values) => values.at(-1).toFixed(0));
      log(
        `round ${round}: ${medians.join(', ')} ms alone, beside, and at the same host; ${left.toLocaleString('en')} left`,
      );
    }
    for (const side of [quiet, busy]) await side.close();
    await otherHost.stop();
    const goal = (text, key) => ({
      text: `a request for ten tokens beside ${queued} ${text}, over the same alone`,
      value: medianRatio(milliseconds[key], milliseconds.alone),
      atMost: 2,
    });
    const row = (text, key) => [text, median(all[key]).toFixed(0), percentile(all[key], 0.9).toFixed(0)];
    return {
      goals: [goal('of another host', 'otherHost'), goal('of its own host', 'sameHost')],
      tables: [
        {
          head: ['from the POST until it is completed', 'median, ms', 'p90, ms'],
          rows: [
            row('alone', 'alone'),
            row(`beside ${queued} of another host`, 'otherHost'),
            row(`beside ${queued} of its own host`, 'sameHost'),
          ],
        },
      ],
    };
  },
};

/** A database with a small project, and with a large one whose tokens are all queued. */
async function prepare(postgres, name, [hogHost, otherHost], queued) {
  const database = await postgres.createDatabase(`small_${name}`);
  const service = await Service.prepare(database, hogHost, otherHost);
  const [hog, small] = [await service.addProject(), await service.addProject()];
  const add = (host) =>
    service.addCollection(small, `${host.url}/0/small/little`, tokenIds(COLLECTION_TOKENS), DEFAULT_LIMIT);
  const [sameHost, other] = [await add(hogHost), await add(otherHost)];
  if (queued > 0) {
    const collection = await service.addCollection(hog, `${hogHost.url}/0/small/hog`, [], DEFAULT_LIMIT);
    await queueTokens(database, { project: hog, collection, host: hogHost, tokens: queued });
  }
  await database.settle();

  const program = await service.startAll();
  let asked = 0;
  const ask = async (collection, requests = REQUESTS) => {
    const times = [];
    for (let request = 0; request < requests; request += 1) {
      const ids = tokenIds(TOKENS, 1 + (asked % COLLECTION_TOKENS));
      asked += TOKENS;
      const { milliseconds } = await timed(async () => {
        const id = await requestRefresh(program, small, collection, ids);
        while ((await readRefresh(program, small, id)).status !== 'completed') await sleep(10);
      });
      times.push(milliseconds);
      await sleep(Math.random() * PAUSE_MS);
    }
    return times;
  };
  for (const collection of [sameHost, other]) await ask(collection); // warm
  return {
    service,
    program,
    sameHost,
    otherHost: other,
    ask,
    async close() {
      await program.stop();
      await service.close();
      await database.drop();
    },
  };
}

/** By SQL: through the API it takes minutes, and most of them would be worked off meanwhile. */
async function queueTokens(database, { project, collection, host, tokens }) {
  await database.observe(
    `insert into nft_metadata.tokens (collection_id, token_id) select $1, generate_series(1, $2::int)`,
    [collection.id, tokens],
  );
  await database.observe(
    `with lane as (
       insert into nft_metadata.lanes (project_id, host) values ($1, $2) returning id
     ), refresh as (
       insert into nft_metadata.refreshes (id, project_id, collection_id, collection_address, source, total, created_at)
       select gen_random_uuid(), $1, $3, $4, jsonb_build_object('kind', 'metadata_api', 'url', $5::text), $6::int, now()
       from generate_series(1, $7::int / $6::int)
       returning id
     ), numbered as (
       select id, row_number() over () - 1 as number from refresh
     )
     insert into nft_metadata.refresh_items (refresh_id, lane_id, token_id, due_at)
     select numbered.id, lane.id, number * $6::int + token, now() + number * interval '1 millisecond' - interval '1 minute'
     from numbered, lane, generate_series(1, $6::int) as token`,
    [
      project.id,
      new URL(host.url).host,
      collection.id,
      collection.address,
      `${host.url}/0/small/hog`,
      TOKENS_PER_REFRESH,
      tokens,
    ],
  );
}

function percentile(values, part) {
  return values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) * part)];
}
