// A worker's memory with 100,000 tokens pending, against one with 1,000. Both work at the same pace: the host's.
import { median, medianRatio, sleep, tokenIds } from './support/measure.mjs';
import { requestRefresh, Service } from './support/service.mjs';

const HOST_LATENCY_MS = 50;
const FEW = 1000;
const WATCH_AFTER_MS = 4000;
const WATCH_FOR_MS = 4000;

export const memory = {
  title: 'Worker memory',
  async run({ postgres, metadataHost, options, log }) {
    const many = options.pending;
    const megabytes = { few: [], many: [] };
    for (let round = 1; round <= options.rounds; round += 1) {
      const database = await postgres.createDatabase('memory');
      const service = await Service.prepare(database, metadataHost);
      const project = await service.addProject();
      const ids = tokenIds(many);
      const url = `${metadataHost.url}/${HOST_LATENCY_MS}/small/memory`;
      const collection = await service.addCollection(project, url, ids);
      const api = await service.startApi();

      let next = 0;
      const request = async () => {
        await requestRefresh(api, project, collection, ids.slice(next, next + FEW));
        next = (next + FEW) % many;
      };
      megabytes.few.push(
        await watchWorker(service, async () => {
          if ((await service.countPending()) < FEW) await request();
        }),
      );
      for (let pending = await service.countPending(); pending < many; pending += FEW) await request();
      megabytes.many.push(await watchWorker(service));
      log(`round ${round}: ${megabytes.few.at(-1).toFixed(0)} MB and ${megabytes.many.at(-1).toFixed(0)} MB`);
      await api.stop();
      await service.close();
      await database.drop();
    }
    return {
      goals: [
        {
          text: `worker memory with ${many.toLocaleString('en')} pending tokens, over that with 1,000`,
          value: medianRatio(megabytes.many, megabytes.few),
          atMost: 1.05,
        },
      ],
      tables: [
        {
          head: ['pending tokens', 'resident memory of the worker, MB'],
          rows: [
            ['1,000', median(megabytes.few).toFixed(0)],
            [many.toLocaleString('en'), median(megabytes.many).toFixed(0)],
          ],
        },
      ],
    };
  },
};

/** A new worker, and the median of its memory once it works steadily. */
async function watchWorker(service, keepBusy = async () => {}) {
  const worker = await service.startWorker();
  const startedAt = performance.now();
  const samples = [];
  while (performance.now() - startedAt < WATCH_AFTER_MS + WATCH_FOR_MS) {
    await keepBusy();
    if (performance.now() - startedAt > WATCH_AFTER_MS) samples.push(worker.memoryBytes() / 2 ** 20);
    await sleep(50);
  }
  await worker.stop();
  return median(samples);
}
