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
  const advice = [...adviceOfState(refresh), ...nextCommands(refresh)];

  const counts = Object.entries(verdicts).filter(([, count]) => count > 0);
  session.print({ ...line, verdicts, progress, failures, advice }, [
    ...Object.entries({ ...line, ...progress }).map(([name, value]) => `${name}: ${String(value)}`),
    `verdicts: ${counts.map(([verdict, count]) => `${verdict} ${count}`).join(', ') || 'none yet'}`,
    ...failures.flatMap(toFailureLines),
    ...advice,
  ]);
}

function nextCommands({ id, status, verdicts, failed }: ProjectRefreshDetails): string[] {
  return [
    ...(verdicts.updated > 0 ? [`What changed in each token: refresh tokens --refresh ${id} --verdict updated`] : []),
    ...(failed > 0 ? [`Each token that failed: refresh tokens --refresh ${id} --verdict failed`] : []),
    ...(failed > 0 && status === 'completed' ? [`To refresh these again: refresh retry --refresh ${id}`] : []),
  ];
}
