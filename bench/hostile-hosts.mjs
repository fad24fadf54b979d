// Memory and event-loop delay of a warm worker while every behaviour of the test suite's metadata host runs concurrently, round
// after round. Shows memory leaks. No goal, and not part of the default run.
import { MetadataHost, prepareBombs } from '../dist/libs/testing/src/index.js';
import { onCleanUp } from './support/clean-up.mjs';
import { sleep, timed, tokenIds } from './support/measure.mjs';
import { requestRefresh, Service } from './support/service.mjs';

const TOKENS = tokenIds(1);
const VALID_TOKENS = tokenIds(1000);
const WARM_UPS = 3;
/** Without the large valid documents: storing them has its normal cost. */
const PATHS = MetadataHost.paths().filter((path) => !path.startsWith('/sends-5-MB'));

export const hostileHosts = {
  title: 'Hostile metadata hosts',
  async run({ postgres, options, log }) {
    prepareBombs();
    // One host per behaviour: otherwise those that hang would slow down the others.
    const hosts = await Promise.all(PATHS.map(() => MetadataHost.start()));
    onCleanUp(() => Promise.all(hosts.map((host) => host.close())));
    const database = await postgres.createDatabase('hostile_hosts');
    const service = await Service.prepare(database, ...hosts);
    const project = await service.addProject();
    const api = await service.startApi();
    const worker = await service.startWorker();

    const addCollection = (path, at) => service.addCollection(project, `${hosts[at].url}${path}`, TOKENS);
    const refresh = async (collections, tokens) => {
      for (const collection of collections) await requestRefresh(api, project, collection, tokens);
      while (await service.hasUnfinished()) await sleep(20);
    };
    const good = await service.addCollection(project, `${hosts[0].url}/responds-well`, VALID_TOKENS);
    for (let time = 0; time < WARM_UPS; time += 1) await refresh([good], VALID_TOKENS);
    const hostile = await Promise.all(PATHS.map(addCollection));

    const rows = [];
    for (let round = 1; round <= options.rounds; round += 1) {
      await eventLoopDelay(worker); // starts a new interval
      const before = worker.memoryBytes();
      worker.resetPeakMemory();
      const { milliseconds } = await timed(() => refresh(hostile, TOKENS));
      const megabytes = [before, worker.peakMemoryBytes() - before].map((bytes) => (bytes / 2 ** 20).toFixed(0));
      const [seconds, delay] = [(milliseconds / 1000).toFixed(1), (await eventLoopDelay(worker)).toFixed(1)];
      rows.push([String(round), String(hostile.length * TOKENS.length), seconds, ...megabytes, delay]);
      log(`round ${round}: ${seconds} s`);
    }
    await worker.stop();
    await api.stop();
    await service.close();
    await database.drop();
    return {
      tables: [
        {
          head: ['round', 'tokens', 'seconds', 'memory before, MB', 'peak growth, MB', 'event-loop delay p99, ms'],
          rows,
        },
      ],
    };
  },
};

async function eventLoopDelay(worker) {
  const metrics = await (await fetch(`${worker.url}/metrics`, { headers: { connection: 'close' } })).text();
  return Number(/^nodejs_eventloop_lag_p99_seconds (\S+)$/m.exec(metrics)[1]) * 1000;
}
