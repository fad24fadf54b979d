// A refresh of all tokens of a collection of a million: how long its acceptance takes, what memory the API process needs for it, and
// how long a refresh of ten tokens of another project takes meanwhile and afterwards, against alone.
import { prepareLargeBesideSmall } from './support/large-beside-small.mjs';
import { median, medianRatio, sleep, timed } from './support/measure.mjs';
import { post, readRefresh, requestAll } from './support/service.mjs';

/** Refreshes of ten tokens in each state of the large one. */
const REFRESHES = 20;
/** Until the worker fetches for the large refresh at its full concurrency. */
const START_UP_MS = 3000;

export const largeSelection = {
  title: 'Refresh of a large collection',
  async run({ postgres, metadataHost, options, log }) {
    const size = options.queued.toLocaleString('en');
    const bench = await prepareLargeBesideSmall('large_selection', { postgres, metadataHost, options });
    const { service, large, all } = bench;
    const api = await service.startApi();
    const worker = await service.startWorker();
    const refreshFew = () => bench.refreshFew(api);
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
    await bench.close();

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
