import { EntityManager } from '@mikro-orm/postgresql';
import { inTransaction } from '@app/database';
import { ModuleLogger } from '@app/logging';
import { Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import {
  InvalidSchedule,
  QuotaExceeded,
  ScheduledRefreshesExceeded,
  type QuotaState,
} from '../metadata-refresh.errors.js';
import { RefreshQuota } from './refresh-quota.js';
import { CHARGED_TRIGGERS } from '../refresh-trigger.js';

const MAX_DAYS_AHEAD = 30;
/** The clock of a caller may be behind, and a request takes time. */
const PAST_TOLERANCE_SECONDS = 60;
/** Scheduled refreshes of one project. */
const MAX_SCHEDULED = 100;
/** While the quota is used up. */
const MAX_SECONDS_BETWEEN_TRIES = 30;

/** Refreshes that begin at a time: until then all their chunks are paused, and they are charged when they begin. */
@Injectable()
export class ScheduledRefreshes {
  private readonly logger = new ModuleLogger('MetadataRefresh');

  constructor(
    private readonly em: EntityManager,
    private readonly quota: RefreshQuota,
  ) {}

  /** When the refresh begins by the clock of the database; undefined: now. Throws InvalidSchedule. */
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

  /**
   * Begins a refresh whose time has come: charges all of its tokens to the hour, and gives it a new number of acceptance, so that a
   * fetch before this moment does not serve it. The sweep makes its chunks claimable afterwards. If the hour has no room for all of
   * it, it is due again when that may have changed. Changes nothing if it is paused or cancelled meanwhile.
   */
  async begin(refreshId: string): Promise<void> {
    const begun = await inTransaction(this.em, async (em) => {
      const refresh = await lockDue(em, refreshId);
      if (!refresh) return null;
      const { projectId, tokensPerHour, total } = refresh;
      try {
        if (tokensPerHour !== null) await this.quota.reserve(em, { id: refreshId, projectId }, tokensPerHour, total);
      } catch (error) {
        if (!(error instanceof QuotaExceeded)) throw error;
        await waitForHour(em, refreshId, error.quota);
        return null;
      }
      await sql`
        update nft_metadata.refreshes
        set begun_at = now(), accepted_seq = nextval('nft_metadata.fetch_seq'), sweep_due_at = now()
        where id = ${refreshId}::uuid`.execute(em.getKysely());
      return refresh;
    });
    if (begun)
      this.logger.log({ msg: 'scheduled refresh started', refreshId, projectId: begun.projectId, tokens: begun.total });
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

interface DueRefresh {
  projectId: string;
  tokensPerHour: number | null;
  total: number;
}

async function lockDue(em: EntityManager, refreshId: string): Promise<DueRefresh | undefined> {
  const { rows } = await sql<DueRefresh>`
    select project_id as "projectId", tokens_per_hour as "tokensPerHour", total
    from nft_metadata.refreshes
    where id = ${refreshId}::uuid and not_before <= now() and begun_at is null
      and paused_at is null and cancelled_at is null and completed_at is null
    for no key update`.execute(em.getKysely());
  return rows[0];
}

/** Until the hour ends, or a cancelled refresh gives tokens back. */
async function waitForHour(em: EntityManager, refreshId: string, { resetsInSeconds }: QuotaState): Promise<void> {
  const seconds = Math.min(resetsInSeconds, MAX_SECONDS_BETWEEN_TRIES);
  await sql`
    update nft_metadata.refreshes set sweep_due_at = now() + ${seconds} * interval '1 second'
    where id = ${refreshId}::uuid`.execute(em.getKysely());
}
