// Throughput of two worker processes against one, on a host with a latency of 20 ms. The fetch concurrency limits each process.
import { median, medianRatio, sleep, timed, tokenIds } from './support/measure.mjs';
import { requestRefresh, Service } from './support/service.mjs';

const HOST_LATENCY_MS = 20;
/** Low enough that two processes, the host and the database do not saturate the machine. */
const FETCH_CONCURRENCY = 16;

/** Some seconds of work: heartbeats announce a new or lost worker within five. */
const WARM_TOKENS = 5000;

export const twoWorkers = {
  title: 'Two workers, one host',
  async run({ postgres, metadataHost, options, log }) {
    const database = await postgres.createDatabase('two_workers');
    const service = await Service.prepare(database, metadataHost);
    const project = await service.addProject();
    const api = await service.startApi();
    const workers = [
      await service.startWorkerWithConcurrency(FETCH_CONCURRENCY),
      await service.startWorkerWithConcurrency(FETCH_CONCURRENCY),
    ];

    const refresh = async (tokens) => {
      const ids = tokenIds(tokens);
      const url = `${metadataHost.url}/${HOST_LATENCY_MS}/small/two-workers`;
      const collection = await service.addCollection(project, url, ids);
      await database.vacuum();
      const { milliseconds } = await timed(async () => {
        for (let at = 0; at < tokens; at += 1000)
          await requestRefresh(api, project, collection, ids.slice(at, at + 1000));
        while (await service.hasUnfinished()) await sleep(10);
      });
      return (tokens / milliseconds) * 1000;
    };
    await refresh(options.tokens); // warm up both
    const rates = { one: [], two: [] };
    for (let round = 1; round <= options.rounds; round += 1) {
      workers[1].pause();
      await refresh(WARM_TOKENS); // until the share of the suspended worker has expired
      rates.one.push(await refresh(options.tokens));
      workers[1].resume();
      await refresh(WARM_TOKENS); // until the resumed worker has its share again
      rates.two.push(await refresh(options.tokens));
      log(`round ${round}: ${rates.one.at(-1).toFixed(0)} and ${rates.two.at(-1).toFixed(0)} tokens/s`);
    }
    for (const program of [...workers, api]) await program.stop();
    await service.close();
    await database.drop();
    return {
      goals: [
        {
          text: `throughput of two workers vs. one, ${HOST_LATENCY_MS} ms host with limited concurrency`,
          value: medianRatio(rates.two, rates.one),
          atLeast: 1.7,
        },
      ],
      tables: [
        {
          head: ['worker processes', 'tokens/s'],
          rows: [
            ['1', median(rates.one).toFixed(0)],
            ['2', median(rates.two).toFixed(0)],
          ],
        },
      ],
    };
  },
};
