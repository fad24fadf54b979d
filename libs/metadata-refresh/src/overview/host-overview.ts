import { EntityManager } from '@mikro-orm/postgresql';
import { readingFrom } from '@app/database';
import { Inject, Injectable } from '@nestjs/common';
import { sql, type RawBuilder } from 'kysely';
import { HEARTBEAT_TIMEOUT_SECONDS } from '../heartbeat.js';
import { METADATA_REFRESH_CONFIG, type MetadataRefreshConfig } from '../metadata-refresh.options.js';
import { timestamp } from '../timestamp.js';
import { quantile } from './host-durations.js';

/** How a metadata host does. */
export interface HostSummary {
  host: string;
  cooldownUntil: string | null;
  /** Requests that all processes together may have open. */
  limit: number;
  /** What the workers that ask it now allow themselves, and how many requests they have open; null: none asks it. */
  allowed: number | null;
  inFlight: number | null;
  /** Of the last hour; null: there were no responses. */
  medianMs: number | null;
  p95Ms: number | null;
}

/** A time in which nobody asked a host, because it wanted that. */
export interface PastCooldown {
  from: string;
  until: string;
  /** Such as `status_429`. */
  reason: string;
}

/** Tells how metadata hosts do. */
@Injectable()
export class HostOverview {
  constructor(
    private readonly em: EntityManager,
    @Inject(METADATA_REFRESH_CONFIG) private readonly config: MetadataRefreshConfig,
  ) {}

  async summary(host: string): Promise<HostSummary> {
    const { rows } = await sql<Omit<HostSummary, 'host' | 'medianMs' | 'p95Ms'> & { durations: number[] | null }>`
      select
        (
          select ${timestamp('cooldown_until')} from nft_metadata.metadata_hosts
          where host = ${host} and cooldown_until > now()
        ) as "cooldownUntil",
        ${this.limitOf(host)} as "limit", worker.allowed, worker.in_flight as "inFlight", durations.sums as durations
      from (
        select sum(allowed)::int as allowed, sum(in_flight)::int as in_flight from nft_metadata.host_workers
        where host = ${host} and last_heartbeat_at > now() - ${HEARTBEAT_TIMEOUT_SECONDS} * interval '1 second'
      ) as worker
      cross join (
        select array_agg(sum order by bucket) as sums from (
          select bucket, sum(count)::int as sum
          from nft_metadata.refresh_host_minutes as minute
          cross join lateral unnest(minute.durations) with ordinality as duration (count, bucket)
          where minute.host = ${host} and minute.minute > now() - interval '1 hour'
          group by bucket
        ) as summed
      ) as durations`.execute(readingFrom(this.em).getKysely());
    const { durations, ...row } = rows[0]!;
    return { host, ...row, medianMs: quantile(durations ?? [], 0.5), p95Ms: quantile(durations ?? [], 0.95) };
  }

  /** Newest first. */
  async listCooldowns(host: string, limit: number): Promise<PastCooldown[]> {
    const { rows } = await sql<PastCooldown>`
      select ${timestamp('started_at')} as "from", ${timestamp('until_at')} as until, reason
      from nft_metadata.host_cooldowns
      where host = ${host}
      order by started_at desc
      limit ${limit}`.execute(readingFrom(this.em).getKysely());
    return rows;
  }

  /** The requests that all processes together may have open at a host. */
  private limitOf(host: string): RawBuilder<number> {
    return sql<number>`coalesce(
      (select host_concurrency from nft_metadata.metadata_hosts where host = ${host}),
      (select min(host_concurrency) from nft_metadata.lanes where host = ${host}),
      ${this.config.hostConcurrency}::int
    )`;
  }
}
