import type { Limits } from '../../src/wire/index.js';
import { LIST_MS, useRead } from '../data/queries.js';
import { ApiKeysCard } from '../parts/api-keys.js';
import { Head } from '../parts/head.js';
import { QuotaCard } from '../parts/quota.js';
import { Loaded } from '../parts/states.js';
import { LIMIT_LABELS, LIMIT_NAMES } from '../text/limits.js';
import { formatCount } from '../text/numbers.js';

/** What may I request, and how much is left? */
export function LimitsPage() {
  const read = useRead<Limits>('limits', LIST_MS);
  return (
    <>
      <Head title="Limits and keys" tabTitle="Limits and keys" path={[{ text: 'Limits and keys' }]}>
        <p class="lede">What your project may request, and which keys it has. The marketplace sets the limits.</p>
      </Head>
      <Loaded read={read} isBare>
        {({ limits, quota, apiKeys }) => (
          <div class="stack">
            <section class="card" aria-label="Limits">
              <dl class="kpis">
                {LIMIT_NAMES.map((name) => (
                  <div key={name}>
                    <dt>{LIMIT_LABELS[name]}</dt>
                    <dd>{formatCount(limits[name])}</dd>
                  </div>
                ))}
              </dl>
            </section>
            <QuotaCard quota={quota} title="Your quota">
              {quota.remaining === 0 && ' Requests for more are refused until it is full again.'}
            </QuotaCard>
            <ApiKeysCard keys={apiKeys} />
          </div>
        )}
      </Loaded>
    </>
  );
}
