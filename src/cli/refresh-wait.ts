import { adviceOfState, type Refresh, type RefreshDetails } from '@app/metadata-refresh';
import { SingleBar } from 'cli-progress';
import type { Session } from './session.js';

const POLL_MS = 200;
const STALLED_AFTER_MS = 10_000;
const STALLED = `no token was completed for ${STALLED_AFTER_MS / 1000} seconds. Tokens may wait for a retry. If no service runs, start it`;
const RUN_WORKER = ', or add --run-worker (the settings of this shell apply then)';

interface AwaitedRefreshes {
  refreshIds: readonly string[];
  tokens: number;
  /** Process the queue in this process too. Otherwise a running service must do it. */
  runWorker: boolean;
  /** For a reader who asked for the progress: without a terminal, prints each step of it on stderr. */
  isWatching?: boolean;
}

/**
 * Waits until the refreshes complete. Prints notes on stderr: the ids first, why tokens wait, no progress, and when the command is
 * stopped.
 */
export async function waitForRefreshes(
  session: Session,
  { refreshIds, tokens, runWorker, isWatching = false }: AwaitedRefreshes,
): Promise<Counts> {
  const reader = await session.get('refreshes');
  const worker = runWorker ? await session.get('worker') : null;
  const progress = new Progress(tokens, isWatching);
  const sayThatItGoesOn = () => progress.stop(refreshIds.map(goesOn));
  for (const id of refreshIds) progress.note(`waiting for refresh ${id}`);
  session.stopping?.addEventListener('abort', sayThatItGoesOn, { once: true });
  worker?.start();
  try {
    for (;;) {
      const refreshes = await Promise.all(refreshIds.map((id) => reader.get(id)));
      const counts = sum(refreshes);
      progress.update(counts, describeSpeed(refreshes));
      if (refreshes.every(({ status }) => status === 'completed')) return counts;
      const reasons = refreshes.flatMap(adviceOfState);
      for (const line of reasons) progress.note(line);
      if (reasons.length > 0) progress.restartClock();
      if (!worker && progress.stalledMs >= STALLED_AFTER_MS) progress.note(isWatching ? STALLED : STALLED + RUN_WORKER);
      await new Promise((done) => setTimeout(done, POLL_MS));
      worker?.wake();
    }
  } finally {
    session.stopping?.removeEventListener('abort', sayThatItGoesOn);
    progress.stop();
    await worker?.stop();
  }
}

/** A bar, if stderr is a terminal, and notes above it. */
class Progress {
  private readonly bar = process.stderr.isTTY
    ? new SingleBar({ format: '{bar} {value}/{total} tokens{speed}', stream: process.stderr, hideCursor: true })
    : null;
  private readonly noted = new Set<string>();
  private finished = 0;
  private changedAt = performance.now();
  private isStopped = false;

  constructor(
    private readonly total: number,
    private readonly showsSteps: boolean,
  ) {
    this.bar?.start(total, 0, { speed: '' });
  }

  get stalledMs(): number {
    return performance.now() - this.changedAt;
  }

  update(counts: Counts, speed: string): void {
    const finished = counts.succeeded + counts.failed + counts.cancelled;
    if (finished !== this.finished) {
      this.restartClock();
      if (this.showsSteps && !this.bar) this.printStep(counts, finished, speed);
    }
    this.finished = finished;
    if (!this.isStopped) this.bar?.update(finished, { speed });
  }

  private printStep({ succeeded, failed, cancelled }: Counts, finished: number, speed: string): void {
    const of = cancelled > 0 ? `, ${cancelled} cancelled` : '';
    process.stderr.write(`${finished}/${this.total} tokens: ${succeeded} succeeded, ${failed} failed${of}${speed}\n`);
  }

  restartClock(): void {
    this.changedAt = performance.now();
  }

  /** Prints a line that was not printed before. */
  note(line: string): void {
    if (this.isStopped || this.noted.has(line)) return;
    this.noted.add(line);
    this.bar?.stop();
    process.stderr.write(`${line}\n`);
    this.bar?.start(this.total, this.finished, { speed: '' });
  }

  stop(lastLines: readonly string[] = []): void {
    if (this.isStopped) return;
    this.isStopped = true;
    this.bar?.stop();
    process.stderr.write(lastLines.map((line) => `${line}\n`).join(''));
  }
}

function goesOn(id: string): string {
  return `refresh ${id} stays in the queue, and workers continue with it: "refresh show --refresh ${id}" shows its progress`;
}

/** Of one refresh; the speeds of several say little together. */
function describeSpeed([refresh, ...others]: readonly RefreshDetails[]): string {
  if (!refresh?.speed || others.length > 0) return '';
  const { perSecond, estimatedCompletion } = refresh.speed;
  return `, ${perSecond} per second${estimatedCompletion === null ? '' : `, until ${estimatedCompletion}`}`;
}

type Counts = Pick<Refresh, 'succeeded' | 'failed' | 'cancelled'>;

function sum(refreshes: readonly Counts[]): Counts {
  return refreshes.reduce(
    (counts, { succeeded, failed, cancelled }) => ({
      succeeded: counts.succeeded + succeeded,
      failed: counts.failed + failed,
      cancelled: counts.cancelled + cancelled,
    }),
    { succeeded: 0, failed: 0, cancelled: 0 },
  );
}
