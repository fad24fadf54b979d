import { randomUUID } from 'node:crypto';
import { EntityManager } from '@mikro-orm/postgresql';
import { inTransaction } from '@app/database';
import { Injectable } from '@nestjs/common';
import { sql, type RawBuilder } from 'kysely';
import { shareOf, type HostWorker, type Share } from './host-share.js';

/** A worker that has not been seen for so long does not count any more. In seconds. */
const HEARTBEAT_TIMEOUT_SECONDS = 5;
const IS_HERE = sql`last_heartbeat_at > clock_timestamp() - ${HEARTBEAT_TIMEOUT_SECONDS} * interval '1 second'`;

export interface HostState {
  host: string;
  share: Share;
  /** How long the host still wants to be left alone. */
  restSeconds: number;
}

interface SharedHost {
  host: string;
  restSeconds: number;
  /** In the order in which they came. */
  workers: HostWorker[];
}

/** Shares out what a metadata host takes at once among the workers that are asking it. */
@Injectable()
export class HostMembership {
  private readonly workerId = randomUUID();

  constructor(private readonly em: EntityManager) {}

  /**
   * Say that this worker is asking these hosts, and only these, and learn its share of each. To be said again every
   * second. `limitOf` tells what a host takes at once.
   */
  async heartbeat(hosts: readonly string[], limitOf: (host: string) => number): Promise<HostState[]> {
    const states = (await this.renew(hosts)) ?? (await this.join(hosts));
    return states.map(({ host, restSeconds, workers }) => ({
      host,
      share: shareOf(this.workerId, workers, limitOf(host)),
      restSeconds,
    }));
  }

  /** Nobody waits for this worker's shares to run out. */
  async leave(): Promise<void> {
    await sql`delete from nft_metadata.host_workers where worker_id = ${this.workerId}::uuid`.execute(
      this.em.fork().getKysely(),
    );
  }

  /** The usual case, in one statement: these hosts were asked before. null: not all of them. */
  private async renew(hosts: readonly string[]): Promise<SharedHost[] | null> {
    const { rows } = await sql<SharedHost & { seen: number }>`
      with ${this.leftBehind(hosts)}, seen as (
        update nft_metadata.host_workers set last_heartbeat_at = clock_timestamp()
        where worker_id = ${this.workerId}::uuid and host = any(${hosts}::text[]) and ${IS_HERE}
        returning host
      )
      select shared.*, (select count(*)::int from seen) as seen
      from (${sharedHosts(hosts)}) as shared`.execute(this.em.fork().getKysely());
    return rows[0]?.seen === hosts.length ? rows : null;
  }

  /**
   * Whoever comes to a host that it is not asking yet takes a lock on it: of two that come at the same time the second
   * one sees the first.
   */
  private async join(hosts: readonly string[]): Promise<SharedHost[]> {
    return inTransaction(this.em, async (em) => {
      await sql`
        with ${this.leftBehind(hosts)}, seen as (
          select host from nft_metadata.host_workers
          where worker_id = ${this.workerId}::uuid and host = any(${hosts}::text[]) and ${IS_HERE}
        )
        insert into nft_metadata.metadata_hosts (host)
        select host from unnest(${hosts}::text[]) as wanted (host) where host not in (select host from seen) order by host
        on conflict (host) do update set host = excluded.host`.execute(em.getKysely());
      await sql`
        insert into nft_metadata.host_workers as worker (host, worker_id, joined_at, last_heartbeat_at)
        select host, ${this.workerId}::uuid, clock_timestamp(), clock_timestamp()
        from unnest(${hosts}::text[]) as wanted (host)
        on conflict (host, worker_id) do update
        set joined_at = case when worker.${IS_HERE} then worker.joined_at else excluded.joined_at end,
          last_heartbeat_at = excluded.last_heartbeat_at`.execute(em.getKysely());
      const { rows } = await sharedHosts(hosts).execute(em.getKysely());
      return rows;
    });
  }

  /** Of this worker's hosts, those that it asks no more; of all workers, those that are long gone. */
  private leftBehind(hosts: readonly string[]): RawBuilder<unknown> {
    return sql`left_behind as (
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
        as "restSeconds",
      jsonb_agg(
        jsonb_build_object(
          'id', worker.worker_id, 'secondsHere', extract(epoch from clock_timestamp() - worker.joined_at)
        )
        order by worker.joined_at, worker.worker_id
      ) as workers
    from nft_metadata.host_workers as worker
    left join nft_metadata.metadata_hosts as host using (host)
    where worker.host = any(${hosts}::text[]) and ${IS_HERE}
    group by worker.host`;
}
