// Publications and reverts of reveals of three sizes: how long one takes, from the call to its commit, how long it holds the lock of its
// collection, and how long pages of the collection's tokens take to read meanwhile, against before.
import { median, percentile, sleep, timed } from './support/measure.mjs';
import { request, Service } from './support/service.mjs';

const HOST_CONCURRENCY = 200;
/** Between two looks at the lock. */
const SAMPLE_MS = 2;
const READS = 50;

export const reveal = {
  title: 'Publication and revert of a reveal',
  async run({ postgres, metadataHost, options, log }) {
    const [looks, rows] = [[], []];
    for (const tokens of options.revealed) {
      const database = await postgres.createDatabase(`reveal_${tokens}`);
      const service = await Service.prepare(database, metadataHost);
      const project = await service.addProject();
      const url = `${metadataHost.url}/0/small/reveal`;
      const collection = await service.addCollection(project, url, [], HOST_CONCURRENCY);
      await database.query(
        `insert into nft_metadata.tokens (collection_id, token_id) select $1, generate_series(1, $2::int)`,
        [collection.id, tokens],
      );
      await database.vacuum();
      const process = await service.startAll();
      const send = (path, body) => request(`${process.url}/v1/${path}`, project, body);
      const page = async () => {
        const path = `chains/eip155:1/collections/${collection.address}/nfts?page_size=50`;
        return (await timed(() => request(`${process.url}/v1/${path}`, project))).milliseconds;
      };
      const measured = { database, page, send, tokens };

      const first = await stage(measured, collection);
      looks.push(first.looks);
      const results = [{ job: 'first publication', ...(await measureJob(measured, first.id, 'publish')) }];
      // Every document changes once more, so that each token has an earlier one, which the revert writes again.
      await fetch(`${metadataHost.url}/serve/2/200`);
      const second = await stage(measured, collection);
      results.push({ job: 'publication of changes', ...(await measureJob(measured, second.id, 'publish')) });
      results.push({ job: 'revert', ...(await measureJob(measured, second.id, 'revert')) });
      await fetch(`${metadataHost.url}/serve/1/200`);
      for (const { job, seconds, locked, before, meanwhile } of results) {
        log(`${tokens} tokens: ${job} in ${seconds.toFixed(2)} s, locked for ${locked.toFixed(2)} s`);
        rows.push([
          tokens.toLocaleString('en'),
          job,
          seconds.toFixed(2),
          locked.toFixed(2),
          median(before).toFixed(1),
          median(meanwhile).toFixed(1),
          percentile(meanwhile, 99).toFixed(1),
        ]);
      }
      await process.stop();
      await service.close();
      await database.drop();
    }
    return {
      tables: [
        { head: ['tokens', 'staging, s', 'what would change, s', 'traits, s', 'findings, s'], rows: looks },
        {
          head: [
            'tokens',
            'job',
            'until its commit, s',
            'lock of the collection, s',
            'page of 50 tokens before, ms',
            'meanwhile, ms',
            'p99, ms',
          ],
          rows,
        },
      ],
    };
  },
};

/** A staged reveal of all tokens, and how long its staging and its previews took. */
async function stage({ database, send, tokens }, collection) {
  const wanted = { collection_address: collection.address, all: true, publish: 'manual' };
  const { reveal_id: id } = await send('reveals', wanted);
  const staging = await timed(async () => {
    // The list, because a reveal that is staged says what it would change.
    while ((await send('reveals')).result[0].state !== 'staged') await sleep(50);
  });
  const looks = [tokens.toLocaleString('en'), (staging.milliseconds / 1000).toFixed(1)];
  for (const path of ['', '/traits', '/lint']) {
    looks.push(((await timed(() => send(`reveals/${id}${path}`))).milliseconds / 1000).toFixed(2));
  }
  await database.vacuum();
  return { id, looks };
}

/** Publishes or reverts a reveal, and reads pages before and meanwhile. */
async function measureJob({ database, page, send, tokens }, id, job) {
  const before = [];
  while (before.length < READS) before.push(await page());
  const startedAt = performance.now();
  const held = { from: Infinity, to: 0 };
  let isDone = false;
  const watching = (async () => {
    while (!isDone) {
      const [{ isHeld }] = await database.query(LOCK);
      if (isHeld) {
        held.from = Math.min(held.from, performance.now());
        held.to = performance.now();
      }
      await sleep(SAMPLE_MS);
    }
  })();
  const meanwhile = [];
  const reading = (async () => {
    while (!isDone) meanwhile.push(await page());
  })();
  await send(`reveals/${id}/${job}`, {});
  await untilDone(send, { id, job, tokens });
  const seconds = (performance.now() - startedAt) / 1000;
  isDone = true;
  await Promise.all([watching, reading]);
  return { seconds, locked: Math.max(0, held.to - held.from) / 1000, before, meanwhile };
}

async function untilDone(send, { id, job, tokens }) {
  for (;;) {
    const { state, outcome, reverted } = await send(`reveals/${id}`);
    const changed = job === 'publish' ? state === 'published' && outcome : state === 'reverted' && reverted;
    if (changed) {
      const count = job === 'publish' ? changed.updated : changed.restored;
      if (count !== tokens) throw new Error(`${job}: ${JSON.stringify(changed)} of ${tokens} tokens`);
      return;
    }
    await sleep(5);
  }
}

const LOCK = `select exists (
  select from pg_locks
  where locktype = 'advisory' and mode = 'ExclusiveLock' and granted
    and database = (select oid from pg_database where datname = current_database())
    and pid in (select pid from pg_stat_activity where xact_start is not null)
) as "isHeld"`;
