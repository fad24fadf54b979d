import { timestamp } from '@app/database';
import { sql, type RawBuilder } from 'kysely';

/** How fast the tokens of a refresh are processed now. */
export interface Speed {
  /** Tokens with a result, per second, in the last 10 to 20 seconds in which there were results, and the time since. */
  perSecond: number;
  /** When no token is pending any more at this speed; not before a cooldown of their host ends. null: not within a year. */
  estimatedCompletion: string | null;
}

/** The shortest time over which a speed is measured, except at the beginning. */
const WINDOW_SECONDS = 10;
const MAX_ESTIMATE_SECONDS = 366 * 86_400;

/**
 * Assignments of an update of `refreshes as refresh` that adds `added` tokens with a result. The speed is measured since the start
 * of one of two windows: when the newer one has lasted long enough, it replaces the older one. The first results start both: the
 * time before them was spent in the queue.
 */
export function moveSpeedWindow(added: RawBuilder<unknown>): RawBuilder<unknown> {
  const isFirst = sql`refresh.speed_since is null`;
  const isNext = sql`now() - refresh.speed_next_since >= ${sql.lit(WINDOW_SECONDS)} * interval '1 second'`;
  const processed = sql`refresh.succeeded + refresh.failed + ${added}`;
  return sql`
    speed_since = case when ${isFirst} then now() when ${isNext} then refresh.speed_next_since else refresh.speed_since end,
    speed_from = case when ${isFirst} then ${processed} when ${isNext} then refresh.speed_next_from else refresh.speed_from end,
    speed_next_since = case when ${isFirst} or ${isNext} then now() else refresh.speed_next_since end,
    speed_next_from = case when ${isFirst} or ${isNext} then ${processed} else refresh.speed_next_from end`;
}

/** The speed of a row of `refreshes as refresh`, or null. */
export const speedColumn = sql`(
  select jsonb_build_object(
    'perSecond', round(per_second, 3),
    'estimatedCompletion', case when pending / per_second < ${sql.lit(MAX_ESTIMATE_SECONDS)} then ${timestamp(
      "now() + pending / per_second * interval '1 second'",
    )} end
  )
  from (
    select refresh.total - refresh.succeeded - refresh.failed - refresh.cancelled as pending,
      (refresh.succeeded + refresh.failed - refresh.speed_from)
        / nullif(extract(epoch from now() - refresh.speed_since), 0) as per_second
  ) as measured
  where per_second > 0 and refresh.completed_at is null and refresh.paused_at is null and refresh.cancelled_at is null
) as speed`;
