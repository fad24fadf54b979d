// Two worker processes against one, on a host that answers after 20 ms and of which each process asks no more than
// its slots allow.
import { median, medianRatio, sleep, timed, tokenIds } from './support/measure.mjs';
import { requestRefresh, Service } from './support/service.mjs';

const HOST_LATENCY_MS = 20;
/** Few enough that two processes, the host and the database do not want more than this machine has. */
const SLOTS = 16;

/** Some seconds of work: a worker that comes or goes is noticed within five. */
const WARM_TOKENS = 5000;

export const twoWorkers = {
  title: 'Two workers, one host',
  async run({ postgres, metadataHost, options, log }) {
    const database = await postgres.createDatabase('two_workers');
    const service = await Service.prepare(database, metadataHost);
    const project = await service.addProject();
    const api = await service.startApi();
    const workers = [await service.startWorkerWithConcurrency(SLOTS), await service.startWorkerWithConcurrency(SLOTS)];

    const refresh = async (tokens) => {
      const ids = tokenIds(tokens);
      const url = `${metadataHost.url}/${HOST_LATENCY_MS}/small/two-workers`;
      const collection = await service.addCollection(project, url, ids);
      await database.settle();
      const { milliseconds } = await timed(async () => {
        for (let at = 0; at < tokens; at += 1000)
          await requestRefresh(api, project, collection, ids.slice(at, at + 1000));
        while (await service.hasUnfinished()) await sleep(10);
      });
      return (tokens / milliseconds) * 1000;
    };
    await refresh(options.tokens); // warm, both
    const rates = { one: [], two: [] };
    for (let round = 1; round <= options.rounds; round += 1) {
      workers[1].pause();
      await refresh(WARM_TOKENS); // until the other one's share of the host has run out
      rates.one.push(await refresh(options.tokens));
      workers[1].resume();
      await refresh(WARM_TOKENS); // until it has its share of the host again
      rates.two.push(await refresh(options.tokens));
      log(`round ${round}: ${rates.one.at(-1).toFixed(0)} and ${rates.two.at(-1).toFixed(0)} tokens/s`);
    }
    for (const program of [...workers, api]) await program.stop();
    await service.close();
    await database.drop();
    return {
      goals: [
        {
          text: `two workers, over one, on a capped ${HOST_LATENCY_MS} ms host`,
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
