import { adviceOfState, type ProjectRefreshDetails } from '@app/metadata-refresh';
import { readFailures, toFailureLines } from './refresh-failures.js';
import { toLine } from './refresh-filter.js';
import type { Session } from './session.js';

/** Prints all that is known of a refresh: its state, how its tokens ended, why some failed, and what to do about it. */
export async function printRefresh(session: Session, refresh: ProjectRefreshDetails): Promise<void> {
  const { id, verdicts, speed } = refresh;
  const line = toLine(refresh);
  const failures = await readFailures(session, [id]);
  const progress = speed && { per_second: speed.perSecond, estimated_completion: speed.estimatedCompletion };
  const advice = [...adviceOfState(refresh), ...nextCommands(refresh, await mayRetry(session, refresh))];

  const counts = Object.entries(verdicts).filter(([, count]) => count > 0);
  session.print({ ...line, verdicts, progress, failures, advice }, [
    ...Object.entries({ ...line, ...progress }).map(([name, value]) => `${name}: ${String(value)}`),
    `verdicts: ${counts.map(([verdict, count]) => `${verdict} ${count}`).join(', ') || 'none yet'}`,
    ...failures.flatMap(toFailureLines),
    ...advice,
  ]);
}

/** A retry of a refresh that staged documents is refused when its reveal takes none any more. */
async function mayRetry(session: Session, { id, status, failed }: ProjectRefreshDetails): Promise<boolean> {
  if (failed === 0 || status !== 'completed') return false;
  const reveal = await (await session.get('reveals')).findByRefresh(id);
  return reveal === null || ['staging', 'staged', 'published'].includes(reveal.state);
}

function nextCommands({ id, verdicts, failed }: ProjectRefreshDetails, isRetryable: boolean): string[] {
  return [
    ...(verdicts.updated > 0 ? [`What changed in each token: refresh tokens --refresh ${id} --verdict updated`] : []),
    ...(failed > 0 ? [`Each token that failed: refresh tokens --refresh ${id} --verdict failed`] : []),
    ...(isRetryable ? [`To refresh these again: refresh retry --refresh ${id}`] : []),
  ];
}
