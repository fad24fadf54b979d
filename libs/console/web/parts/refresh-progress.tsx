import { Link } from 'wouter-preact';
import type { Refresh, RefreshDetails } from '../../src/wire/index.js';
import { formatCount } from '../text/numbers.js';
import { Bar, type BarPart } from './bar.js';
import { TOKEN_SIGNS, type TokenState } from './verdict.js';

type Details = RefreshDetails['refresh'];

/** Its tokens that are fetched, or never will be without somebody's help. One that was cancelled is neither. */
export function doneOf({ succeeded, failed }: Pick<Refresh, 'succeeded' | 'failed'>): number {
  return succeeded + failed;
}

/** Its tokens by state, in the order of the bar; their sum is the total at every moment. */
export function partsOf(refresh: Refresh & Partial<Pick<Details, 'tryingAgain'>>): (BarPart & { state: TokenState })[] {
  const { verdicts, pending, tryingAgain = 0 } = refresh;
  const again = Math.min(tryingAgain, pending);
  const counts: [TokenState, number][] = [
    ['updated', verdicts.updated],
    ['unchanged', verdicts.unchanged],
    ['superseded', verdicts.superseded],
    ['held', verdicts.held],
    ['staged', verdicts.staged],
    ['failed', verdicts.failed],
    ['cancelled', verdicts.cancelled],
    ['trying_again', again],
    ['pending', pending - again],
  ];
  return counts.map(([state, count]) => {
    const { tone, word } = TOKEN_SIGNS[state];
    return { state, count, word, tone: tone as BarPart['tone'] };
  });
}

export function RefreshBar({ refresh }: { refresh: Refresh & Partial<Pick<Details, 'tryingAgain'>> }) {
  return <Bar parts={partsOf(refresh)} total={refresh.total} />;
}

const ALWAYS_SHOWN: readonly TokenState[] = ['updated', 'unchanged', 'failed'];

/** The counts below the bar, which are also filters. */
export function Sums({ refresh, linkOf }: { refresh: Details; linkOf: (state: TokenState) => string }) {
  const isRunning = refresh.pending > 0;
  const shown = partsOf(refresh).filter(
    ({ state, count }) =>
      count > 0 || ALWAYS_SHOWN.includes(state) || (isRunning && (state === 'trying_again' || state === 'pending')),
  );
  return (
    <div class="sums">
      {shown.map(({ state, tone, word, count }) => (
        <Link key={state} href={linkOf(state)}>
          <span>
            <i class={`dot ${tone}`} />
            {word}
          </span>
          <b>{formatCount(count)}</b>
        </Link>
      ))}
    </div>
  );
}
