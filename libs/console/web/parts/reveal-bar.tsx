import type { Reveal } from '../../src/wire/index.js';
import { Bar } from './bar.js';

/** Its tokens: with a document, without one, and those that are still fetched. */
export function RevealBar({ reveal: { staged, failed, pending, total } }: { reveal: Reveal }) {
  return (
    <Bar
      parts={[
        { tone: 'ok', count: staged, word: 'staged' },
        { tone: 'bad', count: failed, word: 'failed' },
        { tone: 'wait', count: pending, word: 'waiting' },
      ]}
      total={total}
    />
  );
}
