import { formatCount } from '../text/numbers.js';
import type { Tone } from './verdict.js';

export interface BarPart {
  tone: Exclude<Tone, 'run'>;
  count: number;
  word: string;
}

/** Parts of a whole. The widths are set on the elements, because the page may have no style attributes. */
export function Bar({ parts, total }: { parts: readonly BarPart[]; total: number }) {
  const shown = parts.filter(({ count }) => count > 0);
  const label =
    shown.map(({ count, word }) => `${formatCount(count)} ${word.toLowerCase()}`).join(', ') || 'nothing yet';
  return (
    <span class="bar" role="img" aria-label={label}>
      {shown.map(({ tone, count, word }) => (
        <i
          key={word}
          class={tone}
          // A part that is there is seen, however small.
          style={tone === 'wait' ? {} : { width: `${(count * 100) / total}%`, minWidth: '2px' }}
        />
      ))}
      {shown.length === 0 && <i class="wait" />}
    </span>
  );
}

export function Meter({ used, limit, label }: { used: number; limit: number; label: string }) {
  const percent = limit === 0 ? 100 : Math.min(100, (used * 100) / limit);
  return (
    <span class={percent >= 90 ? 'meter full' : 'meter'} role="img" aria-label={label}>
      <i style={{ width: `${percent}%` }} />
    </span>
  );
}
