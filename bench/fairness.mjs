// Duration of one project's refresh while another project has 100,000 tokens queued for a host that times out, against the same
// refresh alone.
import { median, medianRatio, sleep, timed, tokenIds } from './support/measure.mjs';
import { startMetadataHost } from './support/metadata-host.mjs';
import { readRefresh, requestRefresh, Service } from './support/service.mjs';

const HOST_LATENCY_MS = 20;
/** Longer than the fetch timeout of the service. */
const NEVER_MS = 60_000;
/** Until the noisy project uses all its fetch slots and the first of its fetches have timed out. */
const QUEUE_BUILD_UP_MS = 4000;

export const fairness = {
  title: 'Noisy neighbour whose host times out',
  async run({ postgres, metadataHost, options, log }) {
    const queued = `${options.pending.toLocaleString('en')} queued tokens`;
    const noisyHost = await startMetadataHost();
    const seconds = { alone: [], beside: [] };
    for (let round = 1; round <= options.rounds; round += 1) {
      const database = await postgres.createDatabase('fairness');
      const service = await Service.prepare(database, metadataHost, noisyHost);
      const [project, noisy] = [await service.addProject(), await service.addProject()];
      const noisyTokens = tokenIds(options.pending);
      const noisyCollection = await service.addCollection(
        noisy,
        `${noisyHost.url}/${NEVER_MS}/small/noisy`,
        noisyTokens,
      );
      const api = await service.startApi();
      const worker = await service.startWorker();

      const refresh = async (tokens) => {
        const ids = tokenIds(tokens);
        const url = `${metadataHost.url}/${HOST_LATENCY_MS}/small/fair`;
        const collection = await service.addCollection(project, url, ids);
        await database.vacuum();
        const { milliseconds } = await timed(async () => {
          const refreshes = [];
          for (let at = 0; at < tokens; at += 1000) {
            refreshes.push(await requestRefresh(api, project, collection, ids.slice(at, at + 1000)));
          }
          for (const id of refreshes) await untilCompleted(api, project, id);
        });
        return milliseconds / 1000;
      };
      await refresh(2000); // warm up
      seconds.alone.push(await refresh(options.tokens));
      for (let at = 0; at < options.pending; at += 1000) {
        await requestRefresh(api, noisy, noisyCollection, noisyTokens.slice(at, at + 1000));
      }
      await sleep(QUEUE_BUILD_UP_MS);
      seconds.beside.push(await refresh(options.tokens));
      log(`round ${round}: ${seconds.alone.at(-1).toFixed(2)} s alone, ${seconds.beside.at(-1).toFixed(2)} s beside`);
      await worker.stop();
      await api.stop();
      await service.close();
      await database.drop();
    }
    await noisyHost.stop();
    return {
      goals: [
        {
          text: `refresh beside ${queued} of a host that times out, vs. alone`,
          value: medianRatio(seconds.beside, seconds.alone),
          atMost: 1.25,
        },
      ],
      tables: [
        {
          head: [`${options.tokens.toLocaleString('en')} tokens of a ${HOST_LATENCY_MS} ms host`, 'seconds'],
          rows: [
            ['alone', median(seconds.alone).toFixed(2)],
            [`beside ${queued} of a host that times out`, median(seconds.beside).toFixed(2)],
          ],
        },
      ],
    };
  },
};

async function untilCompleted(api, project, refreshId) {
  while ((await readRefresh(api, project, refreshId)).status !== 'completed') await sleep(20);
}
