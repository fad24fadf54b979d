// A refresh of a million tokens to its end, by one process that is API and worker (`npm start`), from a host without latency with a host
// concurrency of 200: the memory of the process in each tenth of it, resident and alive after garbage collections, and how long
// refreshes of ten tokens of another project take meanwhile, against alone.
import { prepareLargeBesideSmall } from './support/large-beside-small.mjs';
import { liveMemory } from './support/live-memory.mjs';
import { median, percentile, sleep } from './support/measure.mjs';
import { readRefresh, requestAll } from './support/service.mjs';

const ALONE = 40;
const HOST_CONCURRENCY = 200;
const PARTS = 10;
/** Between two refreshes of ten tokens. */
const PAUSE_MS = 1000;
const MB = 2 ** 20;

export const millionTokens = {
  title: 'A refresh of a million tokens to its end',
  async run({ postgres, metadataHost, options, log }) {
    const host = { postgres, metadataHost, options };
    const bench = await prepareLargeBesideSmall('million_tokens', host, HOST_CONCURRENCY);
    const { service, large, all } = bench;
    const live = liveMemory();
    const process = await service.startAll(live.nodeOptions);

    const refreshFew = () => bench.refreshFew(process);
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
    await bench.close();

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
