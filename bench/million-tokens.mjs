// A refresh of a million tokens to its end, by one process that is API and worker (`npm start`), from a host without latency with a host
// concurrency of 200: the memory of the process in each tenth of it, resident and alive after garbage collections, and how long refreshes of ten tokens of another project take
// meanwhile, against alone.
import { liveMemory } from './support/live-memory.mjs';
import { median, percentile, sleep, timed, tokenIds } from './support/measure.mjs';
import { startMetadataHost } from './support/metadata-host.mjs';
import { readRefresh, requestAll, requestRefresh, Service } from './support/service.mjs';

const TOKENS = 10;
const ALONE = 40;
const HOST_CONCURRENCY = 200;
/** The default of the service. */
const DEFAULT_HOST_CONCURRENCY = 8;
const PARTS = 10;
/** Between two refreshes of ten tokens. */
const PAUSE_MS = 1000;
const MB = 2 ** 20;

export const millionTokens = {
  title: 'A refresh of a million tokens to its end',
  async run({ postgres, metadataHost, options, log }) {
    const otherHost = await startMetadataHost();
    const database = await postgres.createDatabase('million_tokens');
    const service = await Service.prepare(database, metadataHost, otherHost);
    const [large, small] = [await service.addProject(), await service.addProject()];
    const all = await service.addCollection(large, `${metadataHost.url}/0/small/all`, [], HOST_CONCURRENCY);
    const url = `${otherHost.url}/0/small/little`;
    const little = await service.addCollection(small, url, tokenIds(10_000), DEFAULT_HOST_CONCURRENCY);
    await database.query(
      `insert into nft_metadata.tokens (collection_id, token_id) select $1, generate_series(1, $2::int)`,
      [all.id, options.queued],
    );
    await database.vacuum();
    const live = liveMemory();
    const process = await service.startAll(live.nodeOptions);

    let requested = 0;
    const refreshFew = async () => {
      const ids = tokenIds(TOKENS, 1 + (requested % 10_000));
      requested += TOKENS;
      const { milliseconds } = await timed(async () => {
        const id = await requestRefresh(process, small, little, ids);
        while ((await readRefresh(process, small, id)).status !== 'completed') await sleep(5);
      });
      return milliseconds;
    };
    const alone = [];
    while (alone.length < ALONE) alone.push(await refreshFew());

    const startedAt = performance.now();
    const refreshId = await requestAll(process, large, all);
    const parts = [];
    let few = [];
    let [memory, alive] = [[], []];
    for (;;) {
      few.push(await refreshFew());
      memory.push(process.memoryBytes() / MB);
      alive.push(live.bytes() / MB);
      const { summary, status } = await readRefresh(process, large, refreshId);
      const done = summary.succeeded + summary.failed;
      const isCompleted = status === 'completed';
      if (isCompleted || done >= ((parts.length + 1) * options.queued) / PARTS) {
        const seconds = (performance.now() - startedAt) / 1000;
        parts.push({ done, seconds, memory: median(memory), alive: median(alive), few });
        log(
          `${done} tokens after ${seconds.toFixed(0)} s, ${median(memory).toFixed(0)} MB, ${median(alive).toFixed(0)} MB alive; ten tokens in ${median(few).toFixed(0)} ms`,
        );
        [few, memory, alive] = [[], [], []];
      }
      if (isCompleted) {
        if (summary.failed > 0) throw new Error(`${summary.failed} tokens failed`);
        break;
      }
      await sleep(PAUSE_MS);
    }
    const { seconds } = parts.at(-1);
    await process.stop();
    live.remove();
    await service.close();
    await database.drop();
    await otherHost.stop();

    const meanwhile = parts.flatMap((part) => part.few);
    // The first part has the start: its memory is not the one to compare with.
    const settled = parts.slice(1);
    return {
      goals: [
        {
          text: `refresh of ten tokens while ${options.queued.toLocaleString('en')} are refreshed, vs. alone`,
          value: median(meanwhile) / median(alone),
          atMost: 2,
        },
        {
          text: 'memory that is alive after garbage collections, last tenth vs. second',
          value: settled.at(-1).alive / settled[0].alive,
          atMost: 1.1,
        },
      ],
      tables: [
        {
          head: [
            'tokens done',
            'seconds',
            'tokens/s',
            'resident, MB',
            'alive, MB',
            'refreshes of ten tokens',
            'median, ms',
            'p95, ms',
          ],
          rows: [
            ['alone', '', '', '', '', alone.length, median(alone).toFixed(0), percentile(alone, 95).toFixed(0)],
            ...parts.map((part, at) => {
              const before = parts[at - 1] ?? { done: 0, seconds: 0 };
              return [
                part.done.toLocaleString('en'),
                part.seconds.toFixed(0),
                ((part.done - before.done) / (part.seconds - before.seconds)).toFixed(0),
                part.memory.toFixed(0),
                part.alive.toFixed(0),
                part.few.length,
                median(part.few).toFixed(0),
                percentile(part.few, 95).toFixed(0),
              ];
            }),
            [
              'all',
              seconds.toFixed(0),
              (options.queued / seconds).toFixed(0),
              '',
              '',
              meanwhile.length,
              median(meanwhile).toFixed(0),
              percentile(meanwhile, 95).toFixed(0),
            ],
          ],
        },
      ],
    };
  },
};
