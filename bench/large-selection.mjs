// A refresh of all tokens of a collection of a million: how long its acceptance takes, what memory the API process needs for it, and
// how long a refresh of ten tokens of another project takes meanwhile and afterwards, against alone.
import { median, medianRatio, sleep, timed, tokenIds } from './support/measure.mjs';
import { startMetadataHost } from './support/metadata-host.mjs';
import { post, readRefresh, requestAll, requestRefresh, Service } from './support/service.mjs';

const TOKENS = 10;
/** Refreshes of ten tokens in each state of the large one. */
const REFRESHES = 20;
/** The default of the service. */
const DEFAULT_HOST_CONCURRENCY = 8;
/** Until the worker fetches for the large refresh at its full concurrency. */
const START_UP_MS = 3000;

export const largeSelection = {
  title: 'Refresh of a large collection',
  async run({ postgres, metadataHost, options, log }) {
    const size = options.queued.toLocaleString('en');
    const otherHost = await startMetadataHost();
    const database = await postgres.createDatabase('large_selection');
    const service = await Service.prepare(database, metadataHost, otherHost);
    const [large, small] = [await service.addProject(), await service.addProject()];
    const all = await service.addCollection(large, `${metadataHost.url}/0/small/all`, [], DEFAULT_HOST_CONCURRENCY);
    const url = `${otherHost.url}/0/small/little`;
    const little = await service.addCollection(small, url, tokenIds(10_000), DEFAULT_HOST_CONCURRENCY);
    await database.query(
      `insert into nft_metadata.tokens (collection_id, token_id) select $1, generate_series(1, $2::int)`,
      [all.id, options.queued],
    );
    await database.vacuum();
    const api = await service.startApi();
    const worker = await service.startWorker();
    let requested = 0;
    const refreshFew = async () => {
      const ids = tokenIds(TOKENS, 1 + (requested % 10_000));
      requested += TOKENS;
      const { milliseconds } = await timed(async () => {
        const id = await requestRefresh(api, small, little, ids);
        while ((await readRefresh(api, small, id)).status !== 'completed') await sleep(5);
      });
      return milliseconds;
    };
    const repeat = async () => {
      const times = [];
      while (times.length < REFRESHES) {
        times.push(await refreshFew());
        await sleep(Math.random() * 50);
      }
      return times;
    };
    await repeat(); // warm up

    const measured = { accept: [], memoryMb: [], alone: [], accepting: [], running: [] };
    for (let round = 1; round <= options.rounds; round += 1) {
      measured.alone.push(median(await repeat()));
      api.resetPeakMemory();
      const before = api.memoryBytes();
      const accepting = [];
      let isAccepted = false;
      const accepted = timed(() => requestAll(api, large, all)).finally(() => (isAccepted = true));
      while (!isAccepted) accepting.push(await refreshFew());
      const { milliseconds, result: refreshId } = await accepted;
      measured.accept.push(milliseconds);
      measured.accepting.push(median(accepting));
      measured.memoryMb.push((api.peakMemoryBytes() - before) / 2 ** 20);
      await sleep(START_UP_MS);
      measured.running.push(median(await repeat()));
      const { summary } = await readRefresh(api, large, refreshId);
      if (summary.pending === 0) throw new Error('the large refresh was completed during the measurement');
      log(
        `round ${round}: accepted in ${milliseconds.toFixed(0)} ms, ${measured.memoryMb.at(-1).toFixed(0)} MB; ten tokens in ${['alone', 'accepting', 'running'].map((name) => measured[name].at(-1).toFixed(0)).join(', ')} ms`,
      );
      await cancel(api, large, refreshId);
    }
    await worker.stop();
    await api.stop();
    await service.close();
    await database.drop();
    await otherHost.stop();

    const goal = (text, key) => ({
      text: `refresh of ten tokens ${text}, vs. alone`,
      value: medianRatio(measured[key], measured.alone),
      atMost: 2,
    });
    const row = (text, key) => [text, median(measured[key]).toFixed(0)];
    return {
      goals: [
        { text: `seconds to accept a refresh of ${size} tokens`, value: median(measured.accept) / 1000, atMost: 3 },
        { text: `memory of the API process for it, MB`, value: median(measured.memoryMb), atMost: 20, digits: 0 },
        goal(`while a refresh of ${size} is being accepted`, 'accepting'),
        goal(`while a refresh of ${size} is being fetched`, 'running'),
      ],
      tables: [
        {
          head: ['', 'median, ms'],
          rows: [
            row(`POST of a refresh of ${size} tokens`, 'accept'),
            row('a refresh of ten tokens, alone', 'alone'),
            row('while the large one is being accepted', 'accepting'),
            row('while the large one is being fetched', 'running'),
          ],
        },
      ],
    };
  },
};

/** Waits until no token is pending. */
async function cancel(api, project, refreshId) {
  await post(`${api.url}/v1/metadata-refreshes/${refreshId}/cancel`, project);
  while ((await readRefresh(api, project, refreshId)).status !== 'completed') await sleep(100);
}
