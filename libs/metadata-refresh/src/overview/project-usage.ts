import { EntityManager } from '@mikro-orm/postgresql';
import { readingFrom, timestamp } from '@app/database';
import { Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import type { QuotaState } from '../metadata-refresh.errors.js';
import { ProjectRefreshLimits, type RefreshingProject } from '../admission/refresh-limits.js';
import { RUNNING_WINDOW, toQuotaState, type QuotaWindow } from '../admission/refresh-quota.js';
import { REFRESH_TRIGGERS } from '../refresh-trigger.js';

/** What a project has used. */
export interface ProjectUse {
  quota: QuotaState;
  /** When it was accepted; null: there is none that is kept. */
  lastRefreshAt: string | null;
}

/** Tells how much projects use. */
@Injectable()
export class ProjectUsage {
  constructor(
    private readonly em: EntityManager,
    private readonly limits: ProjectRefreshLimits,
  ) {}

  /** Of each project, in their order. */
  async read(projects: readonly RefreshingProject[]): Promise<ProjectUse[]> {
    const { rows } = await sql<QuotaWindow & { lastRefreshAt: string | null }>`
      select coalesce(quota.used, 0) as used, coalesce(quota.window_started_at, now()) + interval '1 hour' as "resetsAt",
        extract(epoch from coalesce(quota.window_started_at, now()) + interval '1 hour' - now())::float8 as "resetsInSeconds",
        (
          select ${timestamp('max(newest.created_at)')}
          from unnest(${[...REFRESH_TRIGGERS]}::text[]) as wanted (trigger)
          cross join lateral (
            select created_at from nft_metadata.refreshes
            where project_id = project.id and trigger = wanted.trigger
            order by created_at desc, id desc
            limit 1
          ) as newest
        ) as "lastRefreshAt"
      from unnest(${projects.map(({ id }) => id)}::text[]) with ordinality as project (id, place)
      left join nft_metadata.refresh_quotas as quota on quota.project_id = project.id and ${RUNNING_WINDOW}
      order by project.place`.execute(readingFrom(this.em).getKysely());
    return rows.map(({ lastRefreshAt, ...window }, index) => ({
      quota: toQuotaState(window, this.limits.of(projects[index]!).tokensPerHour),
      lastRefreshAt,
    }));
  }

  /** Ids of the projects that have used the most tokens in their hour, most first. */
  async listBusiest(limit: number): Promise<string[]> {
    const { rows } = await sql<{ id: string }>`
      select project_id as id from nft_metadata.refresh_quotas as quota
      where ${RUNNING_WINDOW} and used > 0
      order by used desc, project_id
      limit ${limit}`.execute(readingFrom(this.em).getKysely());
    return rows.map(({ id }) => id);
  }
}
