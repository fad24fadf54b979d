import { AsyncLocalStorage } from 'node:async_hooks';
import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import type { ThrottlerStorage } from '@nestjs/throttler';
import { sql, type RawBuilder } from 'kysely';

type ThrottlerRecord = Awaited<ReturnType<ThrottlerStorage['increment']>>;

interface Window {
  hits: number;
  secondsLeft: number;
}

/**
 * A throttler storage in PostgreSQL: one row for each key, updated by one statement, so the limit is exact across
 * processes. A window starts with the first request that is counted in it and lasts `ttl` milliseconds. A request over
 * the limit is not counted and blocks the key no longer than the window lasts: `blockDuration` is ignored.
 * The row of a key stays: use it for keys of a limited number, such as projects, and not for addresses of callers.
 */
@Injectable()
export class PostgresThrottlerStorage implements ThrottlerStorage {
  private readonly transaction = new AsyncLocalStorage<EntityManager>();

  constructor(private readonly em: EntityManager) {}

  /** Requests that `work` counts are counted in the transaction of `em`: a rollback takes them back. */
  inTransaction<Result>(em: EntityManager, work: () => Promise<Result>): Promise<Result> {
    return this.transaction.run(em, work);
  }

  /** Counts one request; `isBlocked`: it is over the limit and was not counted. */
  async increment(key: string, ttl: number, limit: number): Promise<ThrottlerRecord> {
    const isOver = sql`(
      request_window.started_at <= excluded.started_at - ${ttl}::int * interval '1 millisecond'
    )`;
    const { rows } = await sql<Window>`
      insert into nft_metadata.request_windows as request_window (key, started_at, hits)
      select ${key}, clock_timestamp(), 1 where ${limit}::int > 0
      on conflict (key) do update
      set hits = case when ${isOver} then 1 else request_window.hits + 1 end,
        started_at = case when ${isOver} then excluded.started_at else request_window.started_at end
      where ${isOver} or request_window.hits < ${limit}::int
      returning hits, ${secondsLeft(ttl)} as "secondsLeft"`.execute(this.connection());
    const [counted] = rows;
    return counted ? toRecord(counted, false) : toRecord(await this.readWindow(key, ttl), true);
  }

  /** Counts nothing; `isBlocked`: `increment` would refuse a request now. */
  async peek(key: string, ttl: number, limit: number): Promise<ThrottlerRecord> {
    const window = await this.readWindow(key, ttl);
    return toRecord(window, window.hits >= limit);
  }

  /** A request that was counted does not count. */
  async takeBack(key: string): Promise<void> {
    await sql`
      update nft_metadata.request_windows set hits = hits - 1 where key = ${key} and hits > 0`.execute(
      this.connection(),
    );
  }

  private async readWindow(key: string, ttl: number): Promise<Window> {
    const { rows } = await sql<Window>`
      select hits, ${secondsLeft(ttl)} as "secondsLeft" from nft_metadata.request_windows
      where key = ${key} and started_at > now() - ${ttl}::int * interval '1 millisecond'`.execute(this.connection());
    return rows[0] ?? { hits: 0, secondsLeft: ttl / 1000 };
  }

  private connection() {
    return (this.transaction.getStore() ?? this.em.fork()).getKysely();
  }
}

function secondsLeft(ttl: number): RawBuilder<number> {
  return sql`extract(epoch from started_at - clock_timestamp())::float8 + ${ttl}::int / 1000.0::float8`;
}

function toRecord({ hits, secondsLeft: seconds }: Window, isBlocked: boolean): ThrottlerRecord {
  const timeToExpire = Math.max(0, Math.ceil(seconds));
  return { totalHits: hits, timeToExpire, isBlocked, timeToBlockExpire: isBlocked ? timeToExpire : 0 };
}
