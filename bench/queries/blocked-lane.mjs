// Latency of a claim behind 100,000 due tokens of a lane at its concurrency limit, against 1,000.
import { median, timed } from '../support/measure.mjs';
import { addPending, openQueueWith } from './claim-tables.mjs';

const CLAIMS = 60;
const FEW = 1000;
const MANY = 100_000;

export const blockedLane = {
  title: 'Claims behind a blocked lane',
  async run({ postgres }) {
    const queues = [];
    for (const blocked of [FEW, MANY]) {
      const queue = await openQueueWith(postgres, `claims_behind_${blocked}`, async (database) => {
        await addPending(database, 'blocked', blocked);
      });
      queues.push({ blocked, queue, times: [] });
    }
    for (let claim = 0; claim < CLAIMS; claim += 1) {
      for (const { queue, times } of queues) {
        const { milliseconds, result } = await timed(() => queue.claim(['blocked']));
        if (result.length === 0 || result.some(({ host }) => host === 'blocked'))
          throw new Error('the claim returned tokens of the blocked lane, or none');
        times.push(milliseconds);
      }
    }
    for (const { queue } of queues) await queue.close();

    const [few, many] = queues.map(({ times }) => median(times));
    return {
      goals: [{ text: 'claim behind 100,000 blocked tokens, vs. 1,000', value: many / few, atMost: 1.2 }],
      tables: [
        {
          head: ['blocked tokens', 'claim, ms'],
          rows: queues.map(({ blocked, times }) => [blocked.toLocaleString('en'), median(times).toFixed(2)]),
        },
      ],
    };
  },
};
