// Latency of a refresh of ten tokens while another project has a million tokens queued, against an idle queue. One process with
// RUN_MODE=all.
import { median, medianRatio, percentile, sleep, timed, tokenIds } from './support/measure.mjs';
import { startMetadataHost } from './support/metadata-host.mjs';
import { readRefresh, requestRefresh, Service } from './support/service.mjs';

const TOKENS = 10;
/** Requests of each kind in a turn, and turns in a round. The kinds alternate, so that other load affects all of them alike. */
const REQUESTS = 4;
const TURNS = 5;
/** The maximum pause between requests. Several times longer than a claim, so that requests arrive at random points of the cycle. */
const PAUSE_MS = 100;
/** Refreshed cyclically. From the second time on, the documents are unchanged, which is cheaper. */
const COLLECTION_TOKENS = 10_000;
const TOKENS_PER_REFRESH = 1000;
const TOKENS_PER_CHUNK = 128;
/** Until the worker uses the full concurrency of the noisy project's host and completes batches steadily. */
const QUEUE_BUILD_UP_MS = 5000;
/** The same after a SIGSTOP that lasted one turn. */
const RESUME_MS = 500;
/** The default of the service. */
const DEFAULT_HOST_CONCURRENCY = 8;

export const smallBesideMillion = {
  title: 'Small refresh beside a large queue',
  async run({ postgres, metadataHost, options, log }) {
    const queued = `${options.queued.toLocaleString('en')} queued tokens`;
    const otherHost = await startMetadataHost();
    const quiet = await prepare(postgres, 'quiet', [metadataHost, otherHost], 0);
    const busy = await prepare(postgres, 'busy', [metadataHost, otherHost], options.queued);
    await sleep(QUEUE_BUILD_UP_MS);
    const milliseconds = { alone: [], otherHost: [], sameHost: [] };
    const all = { alone: [], otherHost: [], sameHost: [] };
    for (let round = 1; round <= options.rounds; round += 1) {
      const times = { alone: [], otherHost: [], sameHost: [] };
      for (let turn = 0; turn < TURNS; turn += 1) {
        busy.program.pause();
        times.alone.push(...(await quiet.refresh(quiet.sameHost)));
        busy.program.resume();
        await sleep(RESUME_MS);
        times.otherHost.push(...(await busy.refresh(busy.otherHost)));
        times.sameHost.push(...(await busy.refresh(busy.sameHost)));
      }
      for (const [key, values] of Object.entries(times)) {
        milliseconds[key].push(median(values));
        all[key].push(...values);
      }
      const left = await busy.service.countPending();
      if (left === 0) throw new Error('the queue ran empty during the measurement');
      const medians = Object.values(milliseconds).map((values) => values.at(-1).toFixed(0));
      log(
        `round ${round}: ${medians.join(', ')} ms alone, beside another host, beside the same host; ${left.toLocaleString('en')} tokens pending`,
      );
    }
    for (const environment of [quiet, busy]) await environment.close();
    await otherHost.stop();
    const goal = (text, key) => ({
      text: `refresh of ten tokens beside ${queued} ${text}, vs. alone`,
      value: medianRatio(milliseconds[key], milliseconds.alone),
      atMost: 2,
    });
    const row = (text, key) => [text, median(all[key]).toFixed(0), percentile(all[key], 90).toFixed(0)];
    return {
      goals: [goal('of another host', 'otherHost'), goal('of its own host', 'sameHost')],
      tables: [
        {
          head: ['from the POST to completion', 'median, ms', 'p90, ms'],
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

/** A database with a small project and, if `queued` is not 0, a noisy one with that many queued tokens. */
async function prepare(postgres, name, [noisyHost, otherHost], queued) {
  const database = await postgres.createDatabase(`small_${name}`);
  const service = await Service.prepare(database, noisyHost, otherHost);
  const [noisy, small] = [await service.addProject(), await service.addProject()];
  const add = (host) =>
    service.addCollection(small, `${host.url}/0/small/little`, tokenIds(COLLECTION_TOKENS), DEFAULT_HOST_CONCURRENCY);
  const [sameHost, other] = [await add(noisyHost), await add(otherHost)];
  if (queued > 0) {
    const collection = await service.addCollection(
      noisy,
      `${noisyHost.url}/0/small/noisy`,
      [],
      DEFAULT_HOST_CONCURRENCY,
    );
    await queueTokens(database, { project: noisy, collection, host: noisyHost, tokens: queued });
  }
  await database.vacuum();

  const program = await service.startAll();
  let requested = 0;
  const refresh = async (collection, requests = REQUESTS) => {
    const times = [];
    for (let request = 0; request < requests; request += 1) {
      const ids = tokenIds(TOKENS, 1 + (requested % COLLECTION_TOKENS));
      requested += TOKENS;
      const { milliseconds } = await timed(async () => {
        const id = await requestRefresh(program, small, collection, ids);
        while ((await readRefresh(program, small, id)).status !== 'completed') await sleep(10);
      });
      times.push(milliseconds);
      await sleep(Math.random() * PAUSE_MS);
    }
    return times;
  };
  for (const collection of [sameHost, other]) await refresh(collection); // warm up
  return {
    service,
    program,
    sameHost,
    otherHost: other,
    refresh,
    async close() {
      await program.stop();
      await service.close();
      await database.drop();
    },
  };
}

/** With SQL: through the API it takes minutes, in which the worker would complete most of them. */
async function queueTokens(database, { project, collection, host, tokens }) {
  await database.query(
    `insert into nft_metadata.tokens (collection_id, token_id) select $1, generate_series(1, $2::int)`,
    [collection.id, tokens],
  );
  await database.query(
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
     insert into nft_metadata.refresh_chunks (refresh_id, lane_id, priority, due_at, token_ids)
     select numbered.id, lane.id, 2, now() + number * interval '1 millisecond' - interval '1 minute', array(
       select (number * $6::int + token)::numeric from generate_series(first, least(first + $8::int - 1, $6::int)) as token
     )
     from numbered, lane, generate_series(1, $6::int, $8::int) as first`,
    [
      project.id,
      new URL(host.url).host,
      collection.id,
      collection.address,
      `${host.url}/0/small/noisy`,
      TOKENS_PER_REFRESH,
      tokens,
      TOKENS_PER_CHUNK,
    ],
  );
}
