import { randomUUID } from 'node:crypto';
import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import { shareOf, type HostWorker } from './host-share.js';

/** A worker that has not been seen for so long does not count any more. In seconds. */
const GONE_AFTER_SECONDS = 5;

export interface HostState {
  host: string;
  /** Requests that this worker may have open. */
  share: number;
  /** How long the host still wants to be left alone. */
  restSeconds: number;
}

/** Shares out what a metadata host takes at once among the workers that are asking it. */
@Injectable()
export class HostShares {
  private readonly workerId = randomUUID();

  constructor(private readonly em: EntityManager) {}

  /**
   * Say that this worker is asking these hosts, and only these, and learn its share of each. To be said again every
   * second. `limitOf` tells what a host takes at once.
   */
  async announce(hosts: readonly string[], limitOf: (host: string) => number): Promise<HostState[]> {
    return this.em.fork().transactional(async (em) => {
      await this.join(em, hosts);
      const workers = await this.readWorkers(em, hosts);
      return workers.map(({ host, restSeconds, workers: all }) => ({
        host,
        share: shareOf(this.workerId, all, limitOf(host)),
        restSeconds,
      }));
    });
  }

  /** Nobody waits for this worker's shares to run out. */
  async leave(): Promise<void> {
    await sql`delete from nft_metadata.host_workers where worker_id = ${this.workerId}::uuid`.execute(
      this.em.fork().getKysely(),
    );
  }

  /**
   * Whoever comes to a host that it is not asking yet takes a lock on it: of two that come at the same time the second
   * one sees the first.
   */
  private async join(em: EntityManager, hosts: readonly string[]): Promise<void> {
    await sql`
      with wanted as (
        select host from unnest(${hosts}::text[]) as wanted (host) order by host
      ), seen as (
        select host from nft_metadata.host_workers
        where worker_id = ${this.workerId}::uuid and host = any(${hosts}::text[])
          and seen_at > clock_timestamp() - ${GONE_AFTER_SECONDS} * interval '1 second'
      ), left_behind as (
        delete from nft_metadata.host_workers
        where (worker_id = ${this.workerId}::uuid and host <> all(${hosts}::text[]))
          or seen_at < clock_timestamp() - interval '1 minute'
      )
      insert into nft_metadata.metadata_hosts (host)
      select host from wanted where host not in (select host from seen)
      on conflict (host) do update set host = excluded.host`.execute(em.getKysely());
    await sql`
      insert into nft_metadata.host_workers (host, worker_id, joined_at, seen_at)
      select host, ${this.workerId}::uuid, clock_timestamp(), clock_timestamp()
      from unnest(${hosts}::text[]) as wanted (host)
      on conflict (host, worker_id) do update
      set joined_at = case
          when host_workers.seen_at > clock_timestamp() - ${GONE_AFTER_SECONDS} * interval '1 second'
          then host_workers.joined_at else excluded.joined_at
        end,
        seen_at = excluded.seen_at`.execute(em.getKysely());
  }

  private async readWorkers(
    em: EntityManager,
    hosts: readonly string[],
  ): Promise<{ host: string; restSeconds: number; workers: HostWorker[] }[]> {
    const { rows } = await sql<{ host: string; restSeconds: number; workers: HostWorker[] }>`
      select worker.host,
        greatest(0, extract(epoch from max(nullif(host.cooling_until, '-infinity')) - clock_timestamp()))::float8
          as "restSeconds",
        jsonb_agg(
          jsonb_build_object(
            'id', worker.worker_id, 'secondsHere', extract(epoch from clock_timestamp() - worker.joined_at)
          )
          order by worker.joined_at, worker.worker_id
        ) as workers
      from nft_metadata.host_workers as worker
      left join nft_metadata.metadata_hosts as host using (host)
      where worker.host = any(${hosts}::text[])
        and worker.seen_at > clock_timestamp() - ${GONE_AFTER_SECONDS} * interval '1 second'
      group by worker.host`.execute(em.getKysely());
    return rows;
  }
}
