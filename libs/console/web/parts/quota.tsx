import type { ComponentChildren } from 'preact';
import type { Limits } from '../../src/wire/index.js';
import { formatCount } from '../text/numbers.js';
import { formatMinute } from '../text/times.js';
import { Meter } from './bar.js';

type Quota = Limits['quota'];

export function QuotaCard({ quota, title, children }: { quota: Quota; title: string; children?: ComponentChildren }) {
  const { limit, used, remaining, resetsAt } = quota;
  return (
    <section class="card pad" aria-labelledby="quota">
      <div class="row">
        <h2 id="quota">{title}</h2>
        {resetsAt !== null && <span class="faint small">until {formatMinute(resetsAt)}</span>}
      </div>
      <Meter used={used} limit={limit} label={`${formatCount(used)} of ${formatCount(limit)} tokens used`} />
      <p class="muted small">
        <b class="strong">{formatCount(remaining)}</b> of {formatCount(limit)} tokens left.{children}
      </p>
    </section>
  );
}

/** "the 18,000 tokens that are left of the quota of Aeon Studio, which is full again at 14:47." */
export function quotaSentence({ remaining, resetsAt }: Quota, project: string | null): string {
  const whose = project === null ? 'your quota' : `the quota of ${project}`;
  const end = resetsAt === null ? '' : `, which is full again at ${formatMinute(resetsAt)}`;
  return `the ${formatCount(remaining)} tokens that are left of ${whose}${end}.`;
}
