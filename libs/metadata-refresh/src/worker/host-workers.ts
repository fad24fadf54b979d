import { randomUUID } from 'node:crypto';
import { EntityManager } from '@mikro-orm/postgresql';
import { inTransaction } from '@app/database';
import { Injectable } from '@nestjs/common';
import { sql, type RawBuilder } from 'kysely';
import { HEARTBEAT_TIMEOUT_SECONDS } from '../queue/heartbeat-timeout.js';
import { shareOf, type HostWorker, type Share } from './host-share.js';

const IS_ALIVE = sql`last_heartbeat_at > clock_timestamp() - ${HEARTBEAT_TIMEOUT_SECONDS} * interval '1 second'`;

/** What a worker uses of a host, for those who look at it. */
export interface HostUsage {
  host: string;
  share: number;
  /** What it allows itself of its share. */
  allowed: number;
  inFlight: number;
}

export interface HostState {
  host: string;
  share: Share;
  /** Remaining cooldown of the host. */
  cooldownSeconds: number;
}

interface SharedHost {
  host: string;
  cooldownSeconds: number;
  /** In the order in which they joined. */
  workers: HostWorker[];
}

/** The table of the workers that send requests to a metadata host: its concurrency limit is divided among them. */
@Injectable()
export class HostWorkers {
  readonly workerId = randomUUID();

  constructor(private readonly em: EntityManager) {}

  /**
   * Announces that this worker uses these hosts, and only these, and returns its share of each. Call it every second.
   * `limitOf` returns the concurrency limit of a host.
   */
  async heartbeat(usages: readonly HostUsage[], limitOf: (host: string) => number): Promise<HostState[]> {
    const states = (await this.renew(usages)) ?? (await this.join(usages.map(({ host }) => host)));
    return states.map(({ host, cooldownSeconds, workers }) => ({
      host,
      share: shareOf(this.workerId, workers, limitOf(host)),
      cooldownSeconds,
    }));
  }

  /** Frees this worker's shares at once, before its heartbeat times out. */
  async leave(): Promise<void> {
    await sql`delete from nft_metadata.host_workers where worker_id = ${this.workerId}::uuid`.execute(
      this.em.fork().getKysely(),
    );
  }

  /** The usual case, in one statement: this worker is a member of all hosts. null: it is not. */
  private async renew(usages: readonly HostUsage[]): Promise<SharedHost[] | null> {
    const hosts = usages.map(({ host }) => host);
    const { rows } = await sql<SharedHost & { renewed: number }>`
      with ${this.expired(hosts)}, renewed as (
        update nft_metadata.host_workers as worker
        set last_heartbeat_at = clock_timestamp(), share = usage.share, allowed = usage.allowed, in_flight = usage.in_flight
        from unnest(
          ${hosts}::text[], ${usages.map(({ share }) => share)}::smallint[], ${usages.map(({ allowed }) => allowed)}::smallint[],
          ${usages.map(({ inFlight }) => inFlight)}::smallint[]
        ) as usage (host, share, allowed, in_flight)
        where worker.worker_id = ${this.workerId}::uuid and worker.host = usage.host and ${IS_ALIVE}
        returning worker.host
      )
      select shared.*, (select count(*)::int from renewed) as renewed
      from (${sharedHosts(hosts)}) as shared`.execute(this.em.fork().getKysely());
    return rows[0]?.renewed === hosts.length ? rows : null;
  }

  /**
   * Joining a host locks its row: of two workers that join at the same time, the second one sees the first.
   */
  private async join(hosts: readonly string[]): Promise<SharedHost[]> {
    return inTransaction(this.em, async (em) => {
      await sql`
        with ${this.expired(hosts)}, current as (
          select host from nft_metadata.host_workers
          where worker_id = ${this.workerId}::uuid and host = any(${hosts}::text[]) and ${IS_ALIVE}
        )
        insert into nft_metadata.metadata_hosts (host, first_used_at)
        select host, now() from unnest(${hosts}::text[]) as wanted (host) where host not in (select host from current) order by host
        on conflict (host) do update set host = excluded.host`.execute(em.getKysely());
      await sql`
        insert into nft_metadata.host_workers as worker (host, worker_id, joined_at, last_heartbeat_at)
        select host, ${this.workerId}::uuid, clock_timestamp(), clock_timestamp()
        from unnest(${hosts}::text[]) as wanted (host)
        on conflict (host, worker_id) do update
        set joined_at = case when worker.${IS_ALIVE} then worker.joined_at else excluded.joined_at end,
          last_heartbeat_at = excluded.last_heartbeat_at`.execute(em.getKysely());
      const { rows } = await sharedHosts(hosts).execute(em.getKysely());
      return rows;
    });
  }

  /** Deletes the memberships of hosts that this worker no longer uses, and those of workers that died. */
  private expired(hosts: readonly string[]): RawBuilder<unknown> {
    return sql`expired as (
      delete from nft_metadata.host_workers
      where (worker_id = ${this.workerId}::uuid and host <> all(${hosts}::text[]))
        or last_heartbeat_at < clock_timestamp() - interval '1 minute'
    )`;
  }
}

function sharedHosts(hosts: readonly string[]): RawBuilder<SharedHost> {
  return sql<SharedHost>`
    select worker.host,
      greatest(0, extract(epoch from max(nullif(host.cooldown_until, '-infinity')) - clock_timestamp()))::float8
        as "cooldownSeconds",
      jsonb_agg(
        jsonb_build_object(
          'id', worker.worker_id, 'secondsSinceJoin', extract(epoch from clock_timestamp() - worker.joined_at)
        )
        order by worker.joined_at, worker.worker_id
      ) as workers
    from nft_metadata.host_workers as worker
    left join nft_metadata.metadata_hosts as host using (host)
    where worker.host = any(${hosts}::text[]) and ${IS_ALIVE}
    group by worker.host`;
}
