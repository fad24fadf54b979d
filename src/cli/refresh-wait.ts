import type { Refresh, RefreshingProject } from '@app/metadata-refresh';
import { SingleBar } from 'cli-progress';
import type { Session } from './session.js';

const POLL_MS = 200;
const STALLED_AFTER_MS = 10_000;
const STALLED = `no token was completed for ${STALLED_AFTER_MS / 1000} seconds. Tokens may wait for a retry. If no service runs, start it, or add --run-worker (the settings of this shell apply then)`;

interface AwaitedRefreshes {
  refreshIds: readonly string[];
  tokens: number;
  /** Process the queue in this process too. Otherwise a running service must do it. */
  runWorker: boolean;
}

/**
 * Waits until the refreshes complete. Prints notes on stderr: the ids first, hosts in cooldown, no progress, and when the
 * command is stopped.
 */
export async function waitForRefreshes(
  session: Session,
  project: RefreshingProject,
  { refreshIds, tokens, runWorker }: AwaitedRefreshes,
): Promise<{ succeeded: number; failed: number; cancelled: number }> {
  const service = await session.get('refreshing');
  const worker = runWorker ? await session.get('worker') : null;
  const progress = new Progress(tokens);
  const sayThatItGoesOn = () => progress.stop(refreshIds.map(goesOn));
  for (const id of refreshIds) progress.note(`waiting for refresh ${id}`);
  session.stopping?.addEventListener('abort', sayThatItGoesOn, { once: true });
  worker?.start();
  try {
    for (;;) {
      const refreshes = await Promise.all(refreshIds.map((id) => service.getRefresh(project, id)));
      const counts = sum(refreshes);
      progress.update(counts.succeeded + counts.failed + counts.cancelled);
      if (refreshes.every(({ status }) => status === 'completed')) return counts;
      const cooldowns = cooldownsOf(refreshes);
      for (const line of cooldowns) progress.note(line);
      if (cooldowns.length > 0) progress.restartClock();
      if (!worker && progress.stalledMs >= STALLED_AFTER_MS) progress.note(STALLED);
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
    ? new SingleBar({ format: '{bar} {value}/{total} tokens', stream: process.stderr, hideCursor: true })
    : null;
  private readonly noted = new Set<string>();
  private finished = 0;
  private changedAt = performance.now();
  private isStopped = false;

  constructor(private readonly total: number) {
    this.bar?.start(total, 0);
  }

  get stalledMs(): number {
    return performance.now() - this.changedAt;
  }

  update(finished: number): void {
    if (finished !== this.finished) this.restartClock();
    this.finished = finished;
    if (!this.isStopped) this.bar?.update(finished);
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
    this.bar?.start(this.total, this.finished);
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

/** One line for each host in cooldown. */
function cooldownsOf(refreshes: readonly Refresh[]): string[] {
  const cooldowns = refreshes.flatMap(({ cooldown }) => (cooldown ? [cooldown] : []));
  return cooldowns.map(({ host, until }) => `waiting for ${host}, which is in cooldown until ${until}`);
}

function sum(refreshes: readonly Refresh[]) {
  return refreshes.reduce(
    (counts, { succeeded, failed, cancelled }) => ({
      succeeded: counts.succeeded + succeeded,
      failed: counts.failed + failed,
      cancelled: counts.cancelled + cancelled,
    }),
    { succeeded: 0, failed: 0, cancelled: 0 },
  );
}
