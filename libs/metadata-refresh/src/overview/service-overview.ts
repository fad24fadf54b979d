import { EntityManager } from '@mikro-orm/postgresql';
import { readingFrom, timestamp } from '@app/database';
import { Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import { ACTIVE_LANES } from '../active-lanes.js';
import { HEARTBEAT_TIMEOUT_SECONDS } from '../queue/heartbeat-timeout.js';
import { newestFailures, newestOfRefresh, refreshesWithFailures, WITH_FAILURES } from './failure-overview.js';
import { projectIdOf, type ReadScope } from './read-scope.js';

/** A worker process of the last day. */
export interface KnownWorker {
  id: string;
  name: string;
  version: string;
  startedAt: string;
  lastHeartbeatAt: string;
  state: 'alive' | 'silent' | 'stopped';
  hosts: { host: string; share: number; inFlight: number }[];
}

/** Responses of all hosts in one minute. */
export interface ServiceMinute {
  minute: string;
  succeeded: number;
  failed: number;
}

/** The pending token that is due the longest. */
export interface OldestDue {
  dueAt: string;
  secondsAgo: number;
  host: string;
  refreshId: string;
}

/** Failed tokens that are counted for the menu. */
const MAX_FAILED = 1000;

/** A host that is asked for so long and begins another cooldown was never out of it. */
const SERIES_GAP_SECONDS = 30;
const MAX_SERIES = 100;

/** A metadata host that is in cooldown now. */
export interface HostCooldown {
  host: string;
  until: string;
  /** The beginning of the first one, if cooldowns follow each other. null: it was not recorded. */
  since: string | null;
  secondsSince: number;
}

/** Tells whether the service as a whole works. */
@Injectable()
export class ServiceOverview {
  constructor(private readonly em: EntityManager) {}

  /** Those that live first, then the newest. */
  async listWorkers(): Promise<KnownWorker[]> {
    const { rows } = await sql<KnownWorker>`
      select worker.worker_id as id, worker.name, worker.version, ${timestamp('worker.started_at')} as "startedAt",
        ${timestamp('worker.last_heartbeat_at')} as "lastHeartbeatAt",
        case
          when worker.stopped_at is not null then 'stopped'
          when worker.last_heartbeat_at > now() - ${HEARTBEAT_TIMEOUT_SECONDS} * interval '1 second' then 'alive'
          else 'silent'
        end as state,
        coalesce(
          (
            select jsonb_agg(jsonb_build_object('host', host, 'share', share, 'inFlight', in_flight) order by host)
            from nft_metadata.host_workers as member
            where member.worker_id = worker.worker_id
              and member.last_heartbeat_at > now() - ${HEARTBEAT_TIMEOUT_SECONDS} * interval '1 second'
          ),
          '[]'
        ) as hosts
      from nft_metadata.refresh_workers as worker
      where worker.last_heartbeat_at > now() - interval '1 day'
      order by state, worker.started_at desc
      limit 200`.execute(readingFrom(this.em).getKysely());
    return rows;
  }

  /** Of the last hour, oldest first. */
  async listMinutes(): Promise<ServiceMinute[]> {
    const { rows } = await sql<ServiceMinute>`
      select ${timestamp('minute')} as minute,
        coalesce(sum(responses) filter (where outcome in ('fetched', 'not_modified')), 0)::int as succeeded,
        coalesce(sum(responses) filter (where outcome not in ('fetched', 'not_modified')), 0)::int as failed
      from nft_metadata.refresh_host_minutes
      where minute > now() - interval '1 hour'
      group by refresh_host_minutes.minute
      order by refresh_host_minutes.minute`.execute(readingFrom(this.em).getKysely());
    return rows;
  }

  async listCooldowns(): Promise<HostCooldown[]> {
    const { rows } = await sql<HostCooldown>`
      select host.host, ${timestamp('host.cooldown_until')} as until, ${timestamp('began.started_at')} as since,
        coalesce(extract(epoch from now() - began.started_at), 0)::float8 as "secondsSince"
      from nft_metadata.metadata_hosts as host
      left join lateral (
        select max(started_at) filter (where is_first) as started_at
        from (
          select started_at,
            coalesce(started_at > lag(until_at) over (order by started_at) + ${SERIES_GAP_SECONDS} * interval '1 second', true) as is_first
          from (
            select started_at, until_at from nft_metadata.host_cooldowns where host = host.host
            order by started_at desc limit ${MAX_SERIES}
          ) as latest
        ) as series
      ) as began on true
      where host.cooldown_until > now()
      order by host.cooldown_until desc
      limit 100`.execute(readingFrom(this.em).getKysely());
    return rows;
  }

  /** null: nothing is due. */
  async findOldestDue(): Promise<OldestDue | null> {
    const { rows } = await sql<OldestDue>`
      with recursive ${ACTIVE_LANES}
      select ${timestamp('first.due_at')} as "dueAt", extract(epoch from now() - first.due_at)::float8 as "secondsAgo",
        lane.host, first.refresh_id as "refreshId"
      from (select lane_id from active where lane_id is not null limit 1000) as due
      join nft_metadata.lanes as lane on lane.id = due.lane_id
      cross join unnest('{0,1,2,3}'::smallint[]) as size (priority)
      cross join lateral (
        select due_at, refresh_id from nft_metadata.refresh_chunks
        where lane_id = lane.id and priority = size.priority and due_at <= now() and not is_paused
        order by due_at, id
        limit 1
      ) as first
      order by first.due_at
      limit 1`.execute(readingFrom(this.em).getKysely());
    return rows[0] ?? null;
  }

  /** Refreshes that run, and tokens that failed in the last hour, both counted up to a limit. */
  async countForMenu(scope: ReadScope): Promise<{ running: number; failedLastHour: number }> {
    const projectId = projectIdOf(scope);
    const lastHour = { seconds: 3600 };
    const wanted = { columns: sql``, limit: MAX_FAILED };
    // Of a project those of its own refreshes: the newest of all may be others'.
    const failed =
      projectId === null
        ? newestFailures(lastHour, wanted)
        : sql`
            with ${refreshesWithFailures(scope, lastHour, MAX_FAILED)}
            select from with_failures
            cross join lateral (${newestOfRefresh(WITH_FAILURES, lastHour, wanted)}) as error
            limit ${MAX_FAILED}`;
    const { rows } = await sql<{ running: number; failedLastHour: number }>`
      select
        (
          select count(*)::int from (
            select from nft_metadata.refreshes
            where completed_at is null and (${projectId}::text is null or project_id = ${projectId}::text)
            limit 100
          ) as running
        ) as running,
        (select count(*)::int from (${failed}) as failed) as "failedLastHour"`.execute(
      readingFrom(this.em).getKysely(),
    );
    return rows[0]!;
  }
}
