// Memory of a worker with 100,000 pending tokens, against one with 1,000. The host limits both to the same throughput.
import { median, medianRatio, sleep, tokenIds } from './support/measure.mjs';
import { requestRefresh, Service } from './support/service.mjs';

const HOST_LATENCY_MS = 50;
const FEW = 1000;
const WARM_UP_MS = 4000;
const SAMPLE_MS = 4000;

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
        await sampleMemory(service, async () => {
          if ((await service.countPending()) < FEW) await request();
        }),
      );
      for (let pending = await service.countPending(); pending < many; pending += FEW) await request();
      megabytes.many.push(await sampleMemory(service));
      log(`round ${round}: ${megabytes.few.at(-1).toFixed(0)} MB and ${megabytes.many.at(-1).toFixed(0)} MB`);
      await api.stop();
      await service.close();
      await database.drop();
    }
    return {
      goals: [
        {
          text: `worker memory with ${many.toLocaleString('en')} pending tokens, vs. 1,000`,
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

/** Starts a worker and returns the median of its memory after the warm-up, in MB. */
async function sampleMemory(service, keepBusy = async () => {}) {
  const worker = await service.startWorker();
  const startedAt = performance.now();
  const samples = [];
  while (performance.now() - startedAt < WARM_UP_MS + SAMPLE_MS) {
    await keepBusy();
    if (performance.now() - startedAt > WARM_UP_MS) samples.push(worker.memoryBytes() / 2 ** 20);
    await sleep(50);
  }
  await worker.stop();
  return median(samples);
}
