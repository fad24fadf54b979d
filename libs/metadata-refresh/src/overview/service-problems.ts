import { EntityManager } from '@mikro-orm/postgresql';
import { readingFrom, timestamp } from '@app/database';
import { Inject, Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import { METADATA_REFRESH_CONFIG, type MetadataRefreshConfig } from '../metadata-refresh.options.js';
import { REFRESH_TRIGGERS } from '../refresh-trigger.js';
import { ACTIVE_LANES } from '../active-lanes.js';

/** A lane whose tokens are due, and are not fetched. */
export interface WaitingLane {
  host: string;
  projectId: string;
  /** Of its token that is due the longest. */
  refreshId: string;
  dueAt: string;
  /** `unserved`: no worker has claimed anything of it for minutes · `slow`: a small request waits, although workers do. */
  kind: 'unserved' | 'slow';
}

/** A reason of failures that is much more frequent than before. */
export interface FrequentReason {
  reason: string;
  lastHour: number;
  hourBefore: number;
}

/** Tokens of the last two hours, and those that wait now. */
interface Backlog {
  waiting: number;
  /** Whether in both hours more tokens were accepted than responses came. */
  isGrowing: boolean;
}

/** What is wrong with the queue. */
export interface QueueProblems {
  lanes: WaitingLane[];
  reasons: FrequentReason[];
  /** Tokens whose worker did not report back, and that wait to be tried again or are. */
  lostTokens: number;
  backlog: Backlog;
  /** Since when the oldest refresh should have been deleted; null: none should. */
  expiredSince: string | null;
}

const MAX_LANES = 5;
const MAX_REASONS = 3;
const UNSERVED_SECONDS = 300;
const SLOW_SECONDS = 60;
/** Of an hour: fewer failures are no trend. */
const MIN_FAILURES = 50;
/** The retention runs once an hour. */
const MAX_RETENTION_DELAY_HOURS = 24;
/** Refreshes that are counted, of each trigger. */
const MAX_REFRESHES = 5000;

/** Finds out what needs an operator, in short statements. */
@Injectable()
export class ServiceProblems {
  constructor(
    private readonly em: EntityManager,
    @Inject(METADATA_REFRESH_CONFIG) private readonly config: MetadataRefreshConfig,
  ) {}

  async read(): Promise<QueueProblems> {
    return {
      lanes: await this.listWaitingLanes(),
      reasons: await this.listFrequentReasons(),
      ...(await this.readFigures()),
    };
  }

  /** Those that are due the longest, without hosts in cooldown. */
  private async listWaitingLanes(): Promise<WaitingLane[]> {
    const { rows } = await sql<WaitingLane>`
      with recursive ${ACTIVE_LANES}, due as (
        select distinct on (lane.id) lane.host, lane.project_id, first.refresh_id, first.due_at,
          case
            when greatest(first.due_at, lane.served_at) < now() - ${UNSERVED_SECONDS} * interval '1 second' then 'unserved'
            when first.priority = 0 and first.due_at < now() - ${SLOW_SECONDS} * interval '1 second' then 'slow'
          end as kind
        from (select lane_id from active where lane_id is not null limit 1000) as lane_of
        join nft_metadata.lanes as lane on lane.id = lane_of.lane_id
        cross join unnest('{0,1,2,3}'::smallint[]) as size (priority)
        cross join lateral (
          select due_at, refresh_id, priority from nft_metadata.refresh_chunks
          where lane_id = lane.id and priority = size.priority and due_at <= now() and not is_paused
          order by due_at, id
          limit 1
        ) as first
        where not exists (
          select from nft_metadata.metadata_hosts as host where host.host = lane.host and host.cooldown_until > now()
        )
        order by lane.id, first.priority
      )
      select host, project_id as "projectId", refresh_id as "refreshId", ${timestamp('due_at')} as "dueAt", kind
      from due
      where kind is not null
      order by kind = 'slow', due.due_at
      limit ${MAX_LANES}`.execute(readingFrom(this.em).getKysely());
    return rows;
  }

  private async listFrequentReasons(): Promise<FrequentReason[]> {
    const { rows } = await sql<FrequentReason>`
      select * from (
        select outcome as reason,
          (coalesce(sum(responses) filter (where minute > now() - interval '1 hour'), 0))::int as "lastHour",
          (coalesce(sum(responses) filter (where minute <= now() - interval '1 hour'), 0))::int as "hourBefore"
        from nft_metadata.refresh_host_minutes
        where minute > now() - interval '2 hours' and outcome not in ('fetched', 'not_modified')
        group by outcome
      ) as counted
      where "lastHour" >= ${MIN_FAILURES} and "lastHour" >= 3 * "hourBefore"
      order by "lastHour" desc, reason
      limit ${MAX_REASONS}`.execute(readingFrom(this.em).getKysely());
    return rows;
  }

  private async readFigures(): Promise<Pick<QueueProblems, 'lostTokens' | 'backlog' | 'expiredSince'>> {
    const { rows } = await sql<{ lostTokens: number; expiredSince: string | null } & Backlog>`
      with accepted as (
        select refresh.total, refresh.created_at > now() - interval '1 hour' as is_last_hour
        from unnest(${[...REFRESH_TRIGGERS]}::text[]) as wanted (trigger)
        cross join lateral (
          select total, created_at from nft_metadata.refreshes
          where trigger = wanted.trigger and created_at > now() - interval '2 hours'
          order by created_at desc, id desc
          limit ${MAX_REFRESHES}
        ) as refresh
      ), tokens as (
        select coalesce(sum(total) filter (where is_last_hour), 0) as last_hour,
          coalesce(sum(total) filter (where not is_last_hour), 0) as hour_before
        from accepted
      ), response as (
        select coalesce(sum(responses) filter (where minute > now() - interval '1 hour'), 0) as last_hour,
          coalesce(sum(responses) filter (where minute <= now() - interval '1 hour'), 0) as hour_before
        from nft_metadata.refresh_host_minutes
        where minute > now() - interval '2 hours'
      )
      select
        (
          select coalesce(sum(token_count), 0)::int from (
            select token_count from nft_metadata.refresh_chunks where lost_count > 0 limit 1000
          ) as lost
        ) as "lostTokens",
        (
          select coalesce(sum(total - succeeded - failed - cancelled), 0)::float8 from (
            select * from nft_metadata.refreshes
            where completed_at is null and paused_at is null and (not_before is null or begun_at is not null)
            order by created_at desc, id desc
            limit ${MAX_REFRESHES}
          ) as running
        ) as waiting,
        tokens.last_hour > response.last_hour and tokens.hour_before > response.hour_before as "isGrowing",
        (
          select ${timestamp('min(completed_at)')} from nft_metadata.refreshes
          where completed_at < now() - ${this.config.refreshRetentionDays * 24 + MAX_RETENTION_DELAY_HOURS} * interval '1 hour'
        ) as "expiredSince"
      from tokens cross join response`.execute(readingFrom(this.em).getKysely());
    const { lostTokens, expiredSince, waiting, isGrowing } = rows[0]!;
    return { lostTokens, expiredSince, backlog: { waiting, isGrowing } };
  }
}
