import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { sql } from 'kysely';

/** The tokens of some lanes that have no result yet, and how long they wait. */
export interface WaitingTokens {
  /** Neither claimed nor paused: due, or due later, such as before a retry. */
  waiting: number;
  claimed: number;
  /** Of refreshes that are paused or have not begun. */
  paused: number;
  /** Since when the oldest due chunk is due, in seconds; 0: none is due. */
  oldestDueSeconds: number;
  /** For how long no worker has claimed anything, while a chunk was due, in seconds; 0: none is due. */
  unservedSeconds: number;
}

export interface LaneStatus extends WaitingTokens {
  projectId: string;
  host: string;
}

/** What waits in the queue, as all processes share it. */
export interface QueueStatus {
  /** Those that were not served for the longest time, and then those with the most tokens. */
  lanes: LaneStatus[];
  /** All other lanes with tokens, together; their times are those of the worst of them. */
  others: (WaitingTokens & { lanes: number }) | null;
  /** Refreshes that are not completed. */
  pendingRefreshes: number;
  /** The same as `oldestDueSeconds`, for interactive requests alone, without hosts in cooldown. */
  interactiveDueSeconds: number;
  /** The hosts with the longest cooldowns, and the time that is left, in seconds. */
  cooldowns: { host: string; seconds: number }[];
  hostsInCooldown: number;
}

type LaneRow = WaitingTokens & {
  projectId: string | null;
  host: string | null;
  lanes: number;
  interactiveDueSeconds: number;
};

/**
 * Reads the state of the queue, for metrics. Looks at each refresh that is not completed and at each lane with chunks, but not at
 * each chunk: with a million tokens in the queue, it takes milliseconds.
 */
@Injectable()
export class QueueStatusReader {
  constructor(private readonly em: EntityManager) {}

  /** `limit`: the most lanes and hosts that are named. */
  async read(limit: number): Promise<QueueStatus> {
    const [lanes, pendingRefreshes, cooldowns] = await Promise.all([
      this.readLanes(limit),
      this.countRefreshes(),
      this.readCooldowns(limit),
    ]);
    const isNamed = (row: LaneRow): row is LaneRow & LaneStatus => row.host !== null;
    const others = lanes.find((row) => !isNamed(row));
    return {
      lanes: lanes.filter(isNamed).map(({ projectId, host, ...row }) => ({ projectId, host, ...withoutLanes(row) })),
      others: others ? { ...withoutLanes(others), lanes: others.lanes } : null,
      pendingRefreshes,
      interactiveDueSeconds: Math.max(0, ...lanes.map((row) => row.interactiveDueSeconds)),
      cooldowns: cooldowns.map(({ host, seconds }) => ({ host, seconds })),
      hostsInCooldown: cooldowns[0]?.hosts ?? 0,
    };
  }

  private async readLanes(limit: number): Promise<LaneRow[]> {
    const { rows } = await sql<LaneRow>`
      with recursive pending as (
        -- All chunks of a refresh are in one lane.
        select refresh.total - refresh.succeeded - refresh.failed - refresh.cancelled as tokens,
          refresh.paused_at is not null or (refresh.not_before is not null and refresh.begun_at is null) as is_paused,
          (
            select lane_id from nft_metadata.refresh_chunks where refresh_id = refresh.id order by last_token_id limit 1
          ) as lane_id
        from nft_metadata.refreshes as refresh
        where refresh.completed_at is null
      ), tokens as (
        select lane_id, sum(tokens) as all, sum(tokens) filter (where is_paused) as paused from pending group by lane_id
      ), claimed as (
        select lane_id, sum(token_count) as tokens
        from nft_metadata.refresh_chunks where is_claimed and due_at > now() group by lane_id
      ), active as (
        (select lane_id from nft_metadata.refresh_chunks where not is_paused order by lane_id limit 1)
        union all
        select (
          select lane_id from nft_metadata.refresh_chunks where lane_id > active.lane_id and not is_paused
          order by lane_id limit 1
        )
        from active where active.lane_id is not null
      ), due as (
        select active.lane_id, min(first.due_at) as due_at,
          min(first.due_at) filter (where size.priority = 0) as interactive_due_at
        from active
        cross join unnest('{0,1,2,3}'::smallint[]) as size (priority)
        cross join lateral (
          select due_at from nft_metadata.refresh_chunks
          where lane_id = active.lane_id and priority = size.priority and not is_paused and due_at <= now()
          order by due_at, id limit 1
        ) as first
        group by active.lane_id
      ), lane as (
        select lane.id, lane.project_id, lane.host, coalesce(claimed.tokens, 0) as claimed, coalesce(tokens.paused, 0) as paused,
          greatest(0, tokens.all - coalesce(tokens.paused, 0) - coalesce(claimed.tokens, 0)) as waiting,
          coalesce(extract(epoch from now() - due.due_at), 0) as oldest_due,
          case when due.due_at is null then 0
            else greatest(0, extract(epoch from now() - greatest(due.due_at, lane.served_at))) end as unserved,
          case when host.cooldown_until > now() then 0
            else coalesce(extract(epoch from now() - due.interactive_due_at), 0) end as interactive_due
        from tokens
        join nft_metadata.lanes as lane on lane.id = tokens.lane_id
        left join claimed on claimed.lane_id = lane.id
        left join due on due.lane_id = lane.id
        left join nft_metadata.metadata_hosts as host on host.host = lane.host
      ), ranked as (
        select *, row_number() over (order by unserved desc, waiting desc, id) <= ${limit} as is_named from lane
      )
      select min(project_id) filter (where is_named) as "projectId", min(host) filter (where is_named) as host,
        count(*)::int as lanes, sum(waiting)::float8 as waiting, sum(claimed)::float8 as claimed, sum(paused)::float8 as paused,
        max(oldest_due)::float8 as "oldestDueSeconds",
        max(unserved)::float8 as "unservedSeconds",
        max(interactive_due)::float8 as "interactiveDueSeconds"
      from ranked
      group by is_named, case when is_named then id end`.execute(this.em.fork().getKysely());
    return rows;
  }

  private async countRefreshes(): Promise<number> {
    const { rows } = await sql<{ refreshes: number }>`
      select count(*)::int as refreshes from nft_metadata.refreshes where completed_at is null`.execute(
      this.em.fork().getKysely(),
    );
    return rows[0]!.refreshes;
  }

  private async readCooldowns(limit: number): Promise<{ host: string; seconds: number; hosts: number }[]> {
    const { rows } = await sql<{ host: string; seconds: number; hosts: number }>`
      select host, extract(epoch from cooldown_until - now())::float8 as seconds, (count(*) over ())::int as hosts
      from nft_metadata.metadata_hosts
      where cooldown_until > now()
      order by cooldown_until desc, host
      limit ${limit}`.execute(this.em.fork().getKysely());
    return rows;
  }
}

function withoutLanes({ waiting, claimed, paused, oldestDueSeconds, unservedSeconds }: WaitingTokens): WaitingTokens {
  return { waiting, claimed, paused, oldestDueSeconds, unservedSeconds };
}
