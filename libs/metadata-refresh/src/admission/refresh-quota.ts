import { EntityManager } from '@mikro-orm/postgresql';
import { readingFrom } from '@app/database';
import { Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import { QuotaExceeded, type QuotaState } from '../metadata-refresh.errors.js';

/** As a statement reads it. */
export interface QuotaWindow {
  used: number;
  resetsAt: Date | string;
  resetsInSeconds: number;
}

/** Of `refresh_quotas as quota`: its hour has not ended. */
export const RUNNING_WINDOW = sql`quota.window_started_at > now() - interval '1 hour'`;

/**
 * Tokens per hour and project, in a fixed window that starts with the first accepted request, by the database's clock. Each
 * project has one row, updated by one atomic statement, so that the limit is exact across processes.
 */
@Injectable()
export class RefreshQuota {
  constructor(private readonly em: EntityManager) {}

  /** Throws QuotaExceeded if the quota is already used up. Reserves nothing: only `reserve` decides. */
  async precheck(projectId: string, limit: number, tokens: number): Promise<void> {
    const quota = await this.read(projectId, limit);
    if (tokens > quota.remaining) throw new QuotaExceeded(quota, tokens);
  }

  /**
   * Reserves `tokens` for a refresh of the same transaction, and records it as `charged`; without an id, for something else that is
   * never given back. Throws QuotaExceeded, and then reserves nothing.
   */
  async reserve(
    em: EntityManager,
    { id, projectId }: { id: string | null; projectId: string },
    limit: number,
    tokens: number,
  ): Promise<QuotaState> {
    const { rows } = await sql<QuotaWindow>`
      with reserved as (
        insert into nft_metadata.refresh_quotas as quota (project_id, window_started_at, used)
        select ${projectId}, now(), ${tokens}::int where ${tokens}::int <= ${limit}::int
        on conflict (project_id) do update
        set used = case when quota.window_started_at <= now() - interval '1 hour' then 0 else quota.used end + excluded.used,
          window_started_at =
            case when quota.window_started_at <= now() - interval '1 hour' then now() else quota.window_started_at end
        where quota.window_started_at <= now() - interval '1 hour' or quota.used + excluded.used <= ${limit}::int
        returning used, window_started_at
      ), charged as (
        update nft_metadata.refreshes set charged = ${tokens}::int, charged_window = reserved.window_started_at
        from reserved where id = ${id}::uuid
      )
      select used, window_started_at + interval '1 hour' as "resetsAt",
        extract(epoch from window_started_at + interval '1 hour' - now())::float8 as "resetsInSeconds"
      from reserved`.execute(em.getKysely());

    const [window] = rows;
    if (!window) throw new QuotaExceeded(await this.read(projectId, limit, em), tokens);
    return toQuotaState(window, limit);
  }

  /**
   * Gives tokens of a refresh back to the hour that they were charged to, if it is still running. Call it in the transaction that
   * ends them, after the refresh's row is locked: what was given back is no longer `charged`, so it is given back once.
   */
  async refund(em: EntityManager, refreshId: string, tokens: number): Promise<void> {
    await sql`
      with charge as materialized (
        select id, project_id, charged_window, least(charged, ${tokens}::int) as tokens
        from nft_metadata.refreshes
        where id = ${refreshId}::uuid and charged > 0 and charged_window > now() - interval '1 hour'
        for no key update
      ), refunded as (
        update nft_metadata.refreshes as refresh set charged = refresh.charged - charge.tokens
        from charge where refresh.id = charge.id
      )
      update nft_metadata.refresh_quotas as quota set used = quota.used - charge.tokens
      from charge
      where quota.project_id = charge.project_id and quota.window_started_at = charge.charged_window`.execute(
      em.getKysely(),
    );
  }

  async read(projectId: string, limit: number, em = readingFrom(this.em)): Promise<QuotaState> {
    const { rows } = await sql<QuotaWindow>`
      select coalesce(max(used), 0) as used,
        coalesce(max(window_started_at), now()) + interval '1 hour' as "resetsAt",
        extract(epoch from coalesce(max(window_started_at), now()) + interval '1 hour' - now())::float8
          as "resetsInSeconds"
      from nft_metadata.refresh_quotas as quota
      where project_id = ${projectId} and ${RUNNING_WINDOW}`.execute(em.getKysely());
    return toQuotaState(rows[0]!, limit);
  }
}

export function toQuotaState({ used, resetsAt, resetsInSeconds }: QuotaWindow, limit: number): QuotaState {
  return {
    limit,
    remaining: Math.max(0, limit - used),
    resetsAt: new Date(resetsAt),
    resetsInSeconds: Math.max(1, Math.ceil(resetsInSeconds)),
  };
}
