import { EntityManager } from '@mikro-orm/postgresql';
import { readingFrom, timestamp } from '@app/database';
import { Inject, Injectable } from '@nestjs/common';
import { sql, type RawBuilder } from 'kysely';
import { ACTIVE_LANES } from '../active-lanes.js';
import { HEARTBEAT_TIMEOUT_SECONDS } from '../queue/heartbeat-timeout.js';
import { METADATA_REFRESH_CONFIG, type MetadataRefreshConfig } from '../metadata-refresh.options.js';
import { REFRESH_CHANNEL } from '../queue/refresh-queue.js';
import { quantile } from './host-durations.js';
import { projectIdOf, type ReadScope } from './read-scope.js';

/** A number that was counted up to a limit. */
export interface BoundedCount {
  count: number;
  isMore: boolean;
}

/** How a metadata host does. */
export interface HostSummary {
  host: string;
  cooldownUntil: string | null;
  /** Requests that all processes together may have open. */
  limit: number;
  /** Who has set it. */
  limitedBy: 'operator' | 'collection' | 'default';
  /** What the workers that ask it now allow themselves, and how many requests they have open; null: none asks it. */
  allowed: number | null;
  inFlight: number | null;
  /** Of the last hour; null: there were no responses. */
  medianMs: number | null;
  p95Ms: number | null;
}

/** The same as lists show it. */
export interface ListedHost extends HostSummary {
  /** In cooldown · half of the responses of ten minutes failed · they took more than two seconds · it responds · nobody asks it. */
  state: 'resting' | 'failing' | 'slow' | 'good' | 'idle';
  /** Tokens of the scope that wait, and since when the oldest one is due. */
  waiting: BoundedCount;
  oldestDueAt: string | null;
  projects: number;
  /** Of a scope of one project: of other projects. */
  others: { projects: number; waiting: BoundedCount };
  /** Of the last hour. */
  responses: number;
  goodResponses: number;
  /** Of the last whole minute. */
  lastMinute: number;
}

/** A state that needs attention. */
export type AlarmingState = Extract<ListedHost['state'], 'resting' | 'failing' | 'slow'>;

/** Responses of one minute. */
export interface HostMinute {
  minute: string;
  fetched: number;
  notModified: number;
  /** 429 and 503. */
  throttled: number;
  failed: number;
  medianMs: number | null;
  p95Ms: number | null;
}

/** Tokens of one collection that wait for a host, by the size of their refresh. */
export interface WaitingCollection {
  projectId: string;
  collectionId: string;
  collectionAddress: string;
  /** Of refreshes of up to 10 and up to 100 tokens, and of others. */
  upTo10: number;
  upTo100: number;
  larger: number;
  /** The lane has more of them than were counted. */
  isMore: boolean;
  oldestDueAt: string | null;
}

/** A worker that asks a host. */
export interface HostMember {
  workerId: string;
  /** null: it is a validation. */
  name: string | null;
  share: number;
  inFlight: number;
  joinedAt: string;
  lastHeartbeatAt: string;
}

/** A time in which nobody asked a host, because it wanted that. */
export interface PastCooldown {
  from: string;
  until: string;
  /** Such as `status_429`. */
  reason: string;
}

/** Hosts of one list. */
const MAX_HOSTS = 200;
/** Chunks of one lane that are counted in a list, and on the page of one host. */
const LIST_CHUNKS = 1000;
const PAGE_CHUNKS = 10_000;
const SLOW_MS = 2000;

const GOOD = sql`outcome in ('fetched', 'not_modified')`;
/** Since when the oldest token of `lane` is due. */
const OLDEST_DUE = sql`
  select min(first.due_at) as oldest
  from unnest('{0,1,2,3}'::smallint[]) as size (priority)
  cross join lateral (
    select due_at from nft_metadata.refresh_chunks
    where lane_id = lane.id and priority = size.priority and due_at <= now() and not is_paused
    order by due_at, id
    limit 1
  ) as first`;
const IS_ALIVE = sql`last_heartbeat_at > now() - ${HEARTBEAT_TIMEOUT_SECONDS} * interval '1 second'`;

/** Tells how metadata hosts do, and lets operators act on them. */
@Injectable()
export class HostOverview {
  constructor(
    private readonly em: EntityManager,
    @Inject(METADATA_REFRESH_CONFIG) private readonly config: MetadataRefreshConfig,
  ) {}

  /** Whether tokens of the scope were ever fetched from this host. */
  async isKnown(scope: ReadScope, host: string): Promise<boolean> {
    const { rows } = await sql`
      select from nft_metadata.lanes as lane where lane.host = ${host} and ${within(scope)} limit 1`.execute(
      readingFrom(this.em).getKysely(),
    );
    return rows.length > 0;
  }

  async summary(host: string): Promise<HostSummary> {
    const [summary] = await this.summaries([host], '1 hour');
    return summary!;
  }

  /** One host of the scope, with what lists show of it; null: it is not known. */
  async find(scope: ReadScope, host: string): Promise<ListedHost | null> {
    if (!(await this.isKnown(scope, host))) return null;
    const [listed] = await this.describe(scope, [host], PAGE_CHUNKS);
    const summary = await this.summary(host);
    return listed ? { ...listed, medianMs: summary.medianMs, p95Ms: summary.p95Ms } : null;
  }

  /**
   * The hosts of the scope that are in use or in cooldown, or those in one state: those that need attention first, then those that keep
   * tokens waiting longest. `total` counts also those that are left out.
   */
  async list(scope: ReadScope, state?: AlarmingState): Promise<{ hosts: ListedHost[]; total: number }> {
    const { rows } = await sql<{ host: string; total: number }>`
      with recursive ${ACTIVE_LANES}, used as (
        select host from nft_metadata.lanes where id in (select lane_id from active)
        union
        select host from nft_metadata.refresh_host_minutes where minute > now() - interval '1 hour'
        union
        select host from nft_metadata.metadata_hosts where cooldown_until > now()
      ), rated as (
        -- As stateOf does.
        select used.host,
          case
            when exists (select from nft_metadata.metadata_hosts where host = used.host and cooldown_until > now()) then 'resting'
            when recent.good < recent.responses / 2.0 then 'failing'
            when recent.total_ms > ${SLOW_MS} * recent.responses then 'slow'
          end as state,
          (
            select min(due.oldest) from nft_metadata.lanes as lane cross join lateral (${OLDEST_DUE}) as due
            where lane.host = used.host and ${within(scope)}
          ) as oldest
        from used
        cross join lateral (
          select coalesce(sum(responses), 0) as responses, coalesce(sum(responses) filter (where ${GOOD}), 0) as good,
            coalesce(sum(total_ms), 0) as total_ms
          from nft_metadata.refresh_host_minutes
          where host = used.host and minute > now() - interval '10 minutes'
        ) as recent
        where exists (select from nft_metadata.lanes as lane where lane.host = used.host and ${within(scope)})
      )
      select host, count(*) over ()::int as total from rated
      where ${state === undefined ? sql`true` : sql`state = ${state}`}
      order by array_position('{resting,failing,slow}'::text[], state), oldest, host
      limit ${MAX_HOSTS}`.execute(readingFrom(this.em).getKysely());
    const hosts = await this.describe(
      scope,
      rows.map(({ host }) => host),
      LIST_CHUNKS,
    );
    return { hosts: hosts.toSorted(byAttention), total: rows[0]?.total ?? 0 };
  }

  /** The last hour, oldest first. */
  async listMinutes(host: string): Promise<HostMinute[]> {
    const { rows } = await sql<Omit<HostMinute, 'medianMs' | 'p95Ms'> & { durations: number[] }>`
      select ${timestamp('minute')} as minute,
        coalesce(sum(responses) filter (where outcome = 'fetched'), 0)::int as fetched,
        coalesce(sum(responses) filter (where outcome = 'not_modified'), 0)::int as "notModified",
        coalesce(sum(responses) filter (where outcome in ('status_429', 'status_503')), 0)::int as throttled,
        coalesce(sum(responses) filter (
          where outcome not in ('fetched', 'not_modified', 'status_429', 'status_503')
        ), 0)::int as failed,
        (
          select array_agg(sum order by place) from (
            select place, sum(count)::int as sum
            from nft_metadata.refresh_host_minutes as same
            cross join lateral unnest(same.durations) with ordinality as duration (count, place)
            where same.host = ${host} and same.minute = known.minute
            group by place
          ) as summed
        ) as durations
      from nft_metadata.refresh_host_minutes as known
      where known.host = ${host} and known.minute > now() - interval '1 hour'
      group by known.minute
      order by known.minute`.execute(readingFrom(this.em).getKysely());
    return rows.map(({ durations, ...row }) => ({
      ...row,
      medianMs: quantile(durations, 0.5),
      p95Ms: quantile(durations, 0.95),
    }));
  }

  /** Why requests to the host failed in the last hour, the most frequent reason first. */
  async listFailures(host: string): Promise<{ reason: string; tokens: number }[]> {
    const { rows } = await sql<{ reason: string; tokens: number }>`
      select outcome as reason, sum(responses)::int as tokens
      from nft_metadata.refresh_host_minutes
      where host = ${host} and minute > now() - interval '1 hour' and not ${GOOD}
      group by outcome
      order by tokens desc, outcome`.execute(readingFrom(this.em).getKysely());
    return rows;
  }

  /** Which tokens of the scope wait for the host, those that are due the longest first. */
  async listWaiting(scope: ReadScope, host: string): Promise<WaitingCollection[]> {
    const sizeSum = (sizes: RawBuilder<unknown>) =>
      sql`coalesce(sum(chunk.token_count) filter (where chunk.priority ${sizes}), 0)::int`;
    const { rows } = await sql<WaitingCollection>`
      select lane.project_id as "projectId", refresh.collection_id as "collectionId",
        refresh.collection_address as "collectionAddress", ${sizeSum(sql`= 0`)} as "upTo10",
        ${sizeSum(sql`= 1`)} as "upTo100", ${sizeSum(sql`> 1`)} as larger, bool_or(chunk.is_more) as "isMore",
        ${timestamp('min(chunk.due_at) filter (where chunk.due_at <= now())')} as "oldestDueAt"
      from nft_metadata.lanes as lane
      cross join lateral (
        select *, count(*) over () > ${PAGE_CHUNKS} as is_more from (
          select refresh_id, priority, due_at, token_count from nft_metadata.refresh_chunks
          where lane_id = lane.id and not is_paused and not is_claimed
          order by priority, due_at, id
          limit ${PAGE_CHUNKS + 1}
        ) as next
      ) as chunk
      join nft_metadata.refreshes as refresh on refresh.id = chunk.refresh_id
      where lane.host = ${host} and ${within(scope)}
      group by lane.project_id, refresh.collection_id, refresh.collection_address
      order by min(chunk.due_at)
      limit 100`.execute(readingFrom(this.em).getKysely());
    return rows;
  }

  /** Who asks the host now, in the order in which they joined. */
  async listMembers(host: string): Promise<HostMember[]> {
    const { rows } = await sql<HostMember>`
      select member.worker_id as "workerId", worker.name, member.share, member.in_flight as "inFlight",
        ${timestamp('member.joined_at')} as "joinedAt", ${timestamp('member.last_heartbeat_at')} as "lastHeartbeatAt"
      from nft_metadata.host_workers as member
      left join nft_metadata.refresh_workers as worker using (worker_id)
      where member.host = ${host} and member.${IS_ALIVE}
      order by member.joined_at, member.worker_id`.execute(readingFrom(this.em).getKysely());
    return rows;
  }

  /** Newest first, of the last day. */
  async listCooldowns(host: string, limit: number): Promise<PastCooldown[]> {
    const { rows } = await sql<PastCooldown>`
      select ${timestamp('started_at')} as "from", ${timestamp('until_at')} as until, reason
      from nft_metadata.host_cooldowns
      where host = ${host} and started_at > now() - interval '1 day'
      order by started_at desc
      limit ${limit}`.execute(readingFrom(this.em).getKysely());
    return rows;
  }

  /** When it was first asked, as far as it is known, and the limit that an operator has set. */
  async findSettings(host: string): Promise<{ firstUsedAt: string | null; ownLimit: number | null }> {
    const { rows } = await sql<{ firstUsedAt: string | null; ownLimit: number | null }>`
      select ${timestamp('first_used_at')} as "firstUsedAt", host_concurrency as "ownLimit"
      from nft_metadata.metadata_hosts where host = ${host}`.execute(readingFrom(this.em).getKysely());
    return rows[0] ?? { firstUsedAt: null, ownLimit: null };
  }

  /**
   * The host is asked again with the next claims, within a second or two: also for the tokens that it has refused, which wait for as
   * long as it asked for.
   */
  async endCooldown(host: string): Promise<void> {
    await sql`
      with ended as (
        update nft_metadata.metadata_hosts set cooldown_until = '-infinity' where host = ${host} and cooldown_until > now()
        returning host
      ), logged as (
        update nft_metadata.host_cooldowns set until_at = now()
        where host in (select host from ended) and until_at > now()
      ), refused as (
        select chunk.id
        from ended
        join nft_metadata.lanes as lane using (host)
        cross join unnest('{0,1,2,3}'::smallint[]) as size (priority)
        cross join lateral (
          select id from nft_metadata.refresh_chunks
          where lane_id = lane.id and priority = size.priority and due_at > now() and attempt_count > 0
            and not is_claimed and not is_paused
          order by due_at, id
          limit ${LIST_CHUNKS}
          for update skip locked
        ) as chunk
      ), due as (
        update nft_metadata.refresh_chunks set due_at = now() where id in (select id from refused)
      )
      select pg_notify(${REFRESH_CHANNEL}, '') from ended`.execute(this.em.fork().getKysely());
  }

  /** The most requests that all processes together may have open from the next claims on, whatever collections ask for; null: no limit. */
  async setConcurrency(host: string, limit: number | null): Promise<void> {
    await sql`
      insert into nft_metadata.metadata_hosts as known (host, host_concurrency) values (${host}, ${limit}::int)
      on conflict (host) do update set host_concurrency = excluded.host_concurrency`.execute(
      this.em.fork().getKysely(),
    );
  }

  /** What lists show. */
  private async describe(scope: ReadScope, hosts: readonly string[], maxChunks: number): Promise<ListedHost[]> {
    if (hosts.length === 0) return [];
    const summaries = await this.summaries(hosts, '10 minutes');
    const { rows } = await sql<
      Omit<ListedHost, Exclude<keyof HostSummary, 'host'> | 'waiting' | 'others' | 'state'> & {
        waiting: number;
        isMore: boolean;
        otherProjects: number;
        otherWaiting: number;
        isOtherMore: boolean;
        recent: number;
        recentGood: number;
        recentMs: number;
      }
    >`
      select wanted.host, own.waiting, own.is_more as "isMore", ${timestamp('own.oldest')} as "oldestDueAt", own.projects,
        other.projects as "otherProjects", other.waiting as "otherWaiting", other.is_more as "isOtherMore",
        hour.responses, hour.good as "goodResponses", hour.last_minute as "lastMinute", hour.recent, hour.recent_good as "recentGood",
        hour.recent_ms as "recentMs"
      from unnest(${hosts}::text[]) as wanted (host)
      cross join lateral (${waitingOf(within(scope), maxChunks)}) as own
      cross join lateral (${waitingOf(sql`not ${within(scope)}`, maxChunks)}) as other
      cross join lateral (
        select coalesce(sum(responses), 0)::int as responses, coalesce(sum(responses) filter (where ${GOOD}), 0)::int as good,
          coalesce(sum(responses) filter (where minute = date_trunc('minute', now()) - interval '1 minute'), 0)::int as last_minute,
          coalesce(sum(responses) filter (where minute > now() - interval '10 minutes'), 0)::int as recent,
          coalesce(sum(responses) filter (where minute > now() - interval '10 minutes' and ${GOOD}), 0)::int as recent_good,
          coalesce(sum(total_ms) filter (where minute > now() - interval '10 minutes'), 0)::float8 as recent_ms
        from nft_metadata.refresh_host_minutes
        where host = wanted.host and minute > now() - interval '1 hour'
      ) as hour`.execute(readingFrom(this.em).getKysely());
    const byHost = new Map(summaries.map((summary) => [summary.host, summary]));
    return rows.map((row) => {
      const summary = byHost.get(row.host)!;
      return {
        ...summary,
        state: stateOf(summary, row),
        waiting: { count: row.waiting, isMore: row.isMore },
        oldestDueAt: row.oldestDueAt,
        projects: row.projects,
        others: { projects: row.otherProjects, waiting: { count: row.otherWaiting, isMore: row.isOtherMore } },
        responses: row.responses,
        goodResponses: row.goodResponses,
        lastMinute: row.lastMinute,
      };
    });
  }

  /** `period`: of which responses the times are. */
  private async summaries(hosts: readonly string[], period: '1 hour' | '10 minutes'): Promise<HostSummary[]> {
    const { rows } = await sql<Omit<HostSummary, 'medianMs' | 'p95Ms'> & { durations: number[] | null }>`
      select wanted.host,
        (
          select ${timestamp('cooldown_until')} from nft_metadata.metadata_hosts
          where host = wanted.host and cooldown_until > now()
        ) as "cooldownUntil",
        coalesce(set_by.operator, set_by.collection, ${this.config.hostConcurrency}::int) as "limit",
        case when set_by.operator is not null then 'operator' when set_by.collection is not null then 'collection' else 'default' end
          as "limitedBy",
        worker.allowed, worker.in_flight as "inFlight", durations.sums as durations
      from unnest(${hosts}::text[]) as wanted (host)
      cross join lateral (
        select
          (select host_concurrency from nft_metadata.metadata_hosts where host = wanted.host) as operator,
          (select min(host_concurrency) from nft_metadata.lanes where host = wanted.host) as collection
      ) as set_by
      cross join lateral (
        select nullif(sum(allowed), 0)::int as allowed, sum(in_flight)::int as in_flight from nft_metadata.host_workers
        where host = wanted.host and ${IS_ALIVE}
      ) as worker
      cross join lateral (
        select array_agg(sum order by place) as sums from (
          select place, sum(count)::int as sum
          from nft_metadata.refresh_host_minutes as known
          cross join lateral unnest(known.durations) with ordinality as duration (count, place)
          where known.host = wanted.host and known.minute > now() - ${period}::interval
          group by place
        ) as summed
      ) as durations`.execute(readingFrom(this.em).getKysely());
    return rows.map(({ durations, ...row }) => ({
      ...row,
      medianMs: quantile(durations ?? [], 0.5),
      p95Ms: quantile(durations ?? [], 0.95),
    }));
  }
}

/** A condition on `lanes as lane`. */
function within(scope: ReadScope): RawBuilder<unknown> {
  const projectId = projectIdOf(scope);
  return projectId === null ? sql`true` : sql`(lane.project_id = ${projectId})`;
}

/** What waits in lanes of `wanted.host`. Claimed tokens do not wait. */
function waitingOf(condition: RawBuilder<unknown>, maxChunks: number): RawBuilder<unknown> {
  return sql`
    select coalesce(sum(chunk.tokens), 0)::int as waiting, coalesce(bool_or(chunk.chunks > ${maxChunks}), false) as is_more,
      min(due.oldest) as oldest, count(distinct lane.project_id) filter (where chunk.chunks > 0)::int as projects
    from nft_metadata.lanes as lane
    cross join lateral (
      select sum(token_count)::int as tokens, count(*)::int as chunks from (
        select token_count from nft_metadata.refresh_chunks
        where lane_id = lane.id and not is_paused and not is_claimed
        limit ${maxChunks + 1}
      ) as next
    ) as chunk
    cross join lateral (${OLDEST_DUE}) as due
    where lane.host = wanted.host and ${condition}`;
}

function stateOf(
  { cooldownUntil, allowed }: HostSummary,
  { recent, recentGood, recentMs, waiting }: { recent: number; recentGood: number; recentMs: number; waiting: number },
): ListedHost['state'] {
  if (cooldownUntil !== null) return 'resting';
  if (recent > 0 && recentGood < recent / 2) return 'failing';
  if (recent > 0 && recentMs / recent > SLOW_MS) return 'slow';
  return recent > 0 || allowed !== null || waiting > 0 ? 'good' : 'idle';
}

const ATTENTION: readonly ListedHost['state'][] = ['resting', 'failing', 'slow', 'good', 'idle'];

function byAttention(one: ListedHost, other: ListedHost): number {
  const difference = ATTENTION.indexOf(one.state) - ATTENTION.indexOf(other.state);
  if (difference !== 0) return difference;
  const [oneDue, otherDue] = [one.oldestDueAt ?? '~', other.oldestDueAt ?? '~'];
  return oneDue === otherDue ? (one.host < other.host ? -1 : 1) : oneDue < otherDue ? -1 : 1;
}
