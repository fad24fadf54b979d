// Latency of a claim with the results of ten million finished tokens in the database, against none.
import { median, timed } from '../support/measure.mjs';
import { addFinished, openQueueWith } from './claim-tables.mjs';

const CLAIMS = 60;

export const claimGrowth = {
  title: 'Claims beside finished tokens',
  async run({ postgres, options, log }) {
    const finished = options.finishedTokens;
    log(`writing ${finished.toLocaleString('en')} finished tokens`);
    const without = await openQueueWith(postgres, 'claims_without');
    const grown = await openQueueWith(postgres, 'claims_grown', async (database) => {
      await addFinished(database, 'finished', finished);
    });
    const times = { without: [], grown: [] };
    for (let claim = 0; claim < CLAIMS; claim += 1) {
      times.without.push((await timed(() => without.claim())).milliseconds);
      times.grown.push((await timed(() => grown.claim())).milliseconds);
    }
    await without.close();
    await grown.close();

    const ratio = median(times.grown) / median(times.without);
    return {
      goals: [
        {
          text: `claim with ${finished.toLocaleString('en')} finished tokens, vs. none`,
          value: ratio,
          atMost: 1.2,
        },
      ],
      tables: [
        {
          head: ['finished tokens', 'claim, ms'],
          rows: [
            ['0', median(times.without).toFixed(2)],
            [finished.toLocaleString('en'), median(times.grown).toFixed(2)],
          ],
        },
      ],
    };
  },
};
