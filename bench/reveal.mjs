// Publications of reveals of three sizes: how long one takes, from the call to its commit, how long it holds the lock of its
// collection, and how long pages of the collection's tokens take to read meanwhile, against before.
import { median, percentile, sleep, timed } from './support/measure.mjs';
import { request, Service } from './support/service.mjs';

const HOST_CONCURRENCY = 200;
/** Between two looks at the lock. */
const SAMPLE_MS = 2;
const READS = 50;

export const reveal = {
  title: 'Publication of a reveal',
  async run({ postgres, metadataHost, options, log }) {
    const rows = [];
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

      const { reveal_id: id } = await send('reveals', {
        collection_address: collection.address,
        all: true,
        publish: 'manual',
      });
      const staging = await timed(async () => {
        // The list, because a reveal that is staged says what it would change.
        while ((await send('reveals')).result[0].state !== 'staged') await sleep(50);
      });
      const looks = [];
      for (const path of ['', '/traits', '/lint']) {
        looks.push((await timed(() => send(`reveals/${id}${path}`))).milliseconds / 1000);
      }
      await database.vacuum();
      const before = [];
      while (before.length < READS) before.push(await page());

      const startedAt = performance.now();
      const held = { from: Infinity, to: 0 };
      let isPublished = false;
      const watching = (async () => {
        while (!isPublished) {
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
        while (!isPublished) meanwhile.push(await page());
      })();
      await send(`reveals/${id}/publish`, {});
      for (;;) {
        const { state, outcome } = await send(`reveals/${id}`);
        if (state === 'published') {
          if (outcome.updated !== tokens) throw new Error(`${JSON.stringify(outcome)} of ${tokens} tokens`);
          break;
        }
        await sleep(5);
      }
      const seconds = (performance.now() - startedAt) / 1000;
      isPublished = true;
      await Promise.all([watching, reading]);
      const locked = Math.max(0, held.to - held.from) / 1000;
      log(`${tokens} tokens: published in ${seconds.toFixed(2)} s, locked for ${locked.toFixed(2)} s`);
      rows.push([
        tokens.toLocaleString('en'),
        (staging.milliseconds / 1000).toFixed(1),
        ...looks.map((look) => look.toFixed(2)),
        seconds.toFixed(2),
        locked.toFixed(2),
        median(before).toFixed(1),
        median(meanwhile).toFixed(1),
        percentile(meanwhile, 99).toFixed(1),
      ]);
      await process.stop();
      await service.close();
      await database.drop();
    }
    return {
      tables: [
        {
          head: [
            'tokens',
            'staging, s',
            'what would change, s',
            'traits, s',
            'findings, s',
            'publication, s',
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

const LOCK = `select exists (
  select from pg_locks
  where locktype = 'advisory' and mode = 'ExclusiveLock' and granted
    and database = (select oid from pg_database where datname = current_database())
    and pid in (select pid from pg_stat_activity where xact_start is not null)
) as "isHeld"`;
