import { MetadataRefreshService, RefreshWorker, type Refresh, type RefreshingProject } from '@app/metadata-refresh';
import { SingleBar } from 'cli-progress';
import type { Session } from './session.js';

const POLL_MS = 200;

/** Runs a worker in this process, so that the wait ends even if no service runs. */
export async function waitForRefreshes(
  session: Session,
  project: RefreshingProject,
  refreshIds: readonly string[],
  total: number,
): Promise<{ succeeded: number; failed: number }> {
  const service = await session.get(MetadataRefreshService);
  const worker = await session.get(RefreshWorker);
  const bar = process.stderr.isTTY
    ? new SingleBar({ format: '{bar} {value}/{total} tokens', stream: process.stderr, hideCursor: true })
    : null;
  const reported = new Set<string>();
  bar?.start(total, 0);
  worker.start();
  try {
    for (;;) {
      const refreshes = await Promise.all(refreshIds.map((id) => service.getRefresh(project, id)));
      const counts = sum(refreshes);
      bar?.update(counts.succeeded + counts.failed);
      for (const line of cooldownsOf(refreshes).filter((cooldown) => !reported.has(cooldown))) {
        reported.add(line);
        bar?.stop();
        process.stderr.write(`${line}\n`);
        bar?.start(total, counts.succeeded + counts.failed);
      }
      if (refreshes.every(({ status }) => status === 'completed')) return counts;
      await new Promise((done) => setTimeout(done, POLL_MS));
      worker.wake();
    }
  } finally {
    bar?.stop();
    await worker.stop();
  }
}

/** One line for each host that asked for a pause, such as by 429 and `Retry-After`. */
function cooldownsOf(refreshes: readonly Refresh[]): string[] {
  const cooldowns = refreshes.flatMap(({ cooldown }) => (cooldown ? [cooldown] : []));
  return cooldowns.map(({ host, until }) => `waiting for ${host} until ${until}: it asked for a pause`);
}

function sum(refreshes: readonly Refresh[]) {
  return refreshes.reduce(
    (counts, { succeeded, failed }) => ({ succeeded: counts.succeeded + succeeded, failed: counts.failed + failed }),
    { succeeded: 0, failed: 0 },
  );
}
