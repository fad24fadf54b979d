import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import { InvalidSchedule, ScheduledRefreshesExceeded } from './metadata-refresh.errors.js';
import { CHARGED_TRIGGERS } from './refresh-trigger.js';

const MAX_DAYS_AHEAD = 30;
/** The clock of a caller may be behind, and a request takes time. */
const PAST_TOLERANCE_SECONDS = 60;
/** Scheduled refreshes of one project. */
const MAX_SCHEDULED = 100;

/** Refreshes that begin at a time: until then all their chunks are held, and they are charged when they begin. */
@Injectable()
export class ScheduledRefreshes {
  constructor(private readonly em: EntityManager) {}

  /** When the refresh begins by the clock of the database; undefined: at once. Throws InvalidSchedule. */
  async check(notBefore: Date): Promise<Date | undefined> {
    const { rows } = await sql<{ secondsAhead: number }>`
      select extract(epoch from ${notBefore.toISOString()}::timestamptz - now())::float8 as "secondsAhead"`.execute(
      this.em.fork().getKysely(),
    );
    const { secondsAhead } = rows[0]!;
    if (secondsAhead < -PAST_TOLERANCE_SECONDS) {
      throw new InvalidSchedule(`A refresh cannot begin in the past: ${notBefore.toISOString()} is over.`);
    }
    if (secondsAhead > MAX_DAYS_AHEAD * 86_400) {
      throw new InvalidSchedule(
        `A refresh can begin at most ${MAX_DAYS_AHEAD} days ahead: ${notBefore.toISOString()} is later.`,
      );
    }
    return secondsAhead > 0 ? notBefore : undefined;
  }

  /** In the transaction that accepts another scheduled refresh. Throws ScheduledRefreshesExceeded. */
  async checkCount(em: EntityManager, projectId: string): Promise<void> {
    // One acceptance of a project after the other, in all processes: the count has those that were committed before.
    await sql`
      select pg_advisory_xact_lock(hashtextextended('nft_metadata.refreshes not_before ' || ${projectId}::text, 0))`.execute(
      em.getKysely(),
    );
    const { rows } = await sql<{ scheduled: number }>`
      select count(*)::int as scheduled from nft_metadata.refreshes
      where project_id = ${projectId} and trigger = any(${CHARGED_TRIGGERS}::text[])
        and not_before is not null and begun_at is null and completed_at is null`.execute(em.getKysely());
    if (rows[0]!.scheduled >= MAX_SCHEDULED) throw new ScheduledRefreshesExceeded(MAX_SCHEDULED);
  }
}
