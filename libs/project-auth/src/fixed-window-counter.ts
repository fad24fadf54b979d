import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { sql } from 'kysely';

/**
 * How many requests a key has made in its current window, in PostgreSQL: one row for each key, moved by one statement,
 * so a limit is exact however many processes serve. A window begins with the first request that is counted.
 */
@Injectable()
export class FixedWindowCounter {
  constructor(private readonly em: EntityManager) {}

  /** Requests counted in the current window. Counts nothing. */
  async read(key: string, windowMs: number): Promise<number> {
    const { rows } = await sql<{ hits: number }>`
      select hits from nft_metadata.request_windows
      where key = ${key} and started_at > now() - ${windowMs}::int * interval '1 millisecond'`.execute(
      this.em.fork().getKysely(),
    );
    return rows[0]?.hits ?? 0;
  }

  /**
   * Counts one request: in the caller's transaction, where what is rolled back was not counted, or by itself. false: the
   * window is full.
   */
  async count(em: EntityManager | undefined, key: string, windowMs: number, limit: number): Promise<boolean> {
    const isOver = sql`(
      request_window.started_at <= excluded.started_at - ${windowMs}::int * interval '1 millisecond'
    )`;
    const { rows } = await sql`
      insert into nft_metadata.request_windows as request_window (key, started_at, hits)
      select ${key}, clock_timestamp(), 1 where ${limit}::int > 0
      on conflict (key) do update
      set hits = case when ${isOver} then 1 else request_window.hits + 1 end,
        started_at = case when ${isOver} then excluded.started_at else request_window.started_at end
      where ${isOver} or request_window.hits < ${limit}::int
      returning hits`.execute((em ?? this.em.fork()).getKysely());
    return rows.length === 1;
  }
}
