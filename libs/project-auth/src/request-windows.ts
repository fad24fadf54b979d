import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import type { ThrottlerStorage } from '@nestjs/throttler';
import { sql } from 'kysely';

type ThrottlerRecord = Awaited<ReturnType<ThrottlerStorage['increment']>>;

/**
 * The throttler's counts, in PostgreSQL: one row for each key, moved by one statement, so a limit is exact however many
 * processes serve. A window begins with its first request. What is refused is not counted.
 */
@Injectable()
export class RequestWindows implements ThrottlerStorage {
  constructor(private readonly em: EntityManager) {}

  async increment(key: string, ttl: number, limit: number): Promise<ThrottlerRecord> {
    const { rows } = await sql<{ hits: number; msLeft: number }>`
      insert into nft_metadata.request_windows as request_window (key, started_at, hits)
      select ${key}, now(), 1 where ${limit}::int > 0
      on conflict (key) do update
      set hits = case when ${isOver(ttl)} then 1 else request_window.hits + 1 end,
        started_at = case when ${isOver(ttl)} then now() else request_window.started_at end
      where ${isOver(ttl)} or request_window.hits < ${limit}::int
      returning hits, extract(epoch from started_at - now())::float8 * 1000 + ${ttl}::int as "msLeft"`.execute(
      this.em.fork().getKysely(),
    );
    const [counted] = rows;
    const secondsLeft = Math.max(1, Math.ceil((counted?.msLeft ?? ttl) / 1000));
    return {
      totalHits: counted?.hits ?? limit + 1,
      timeToExpire: secondsLeft,
      isBlocked: !counted,
      timeToBlockExpire: counted ? 0 : secondsLeft,
    };
  }

  /** Uncounts a request that turned out to be invalid or refused: it consumes nothing. */
  async giveBack(key: string, ttl: number): Promise<void> {
    await sql`
      update nft_metadata.request_windows as request_window set hits = hits - 1
      where key = ${key} and hits > 0 and not ${isOver(ttl)}`.execute(this.em.fork().getKysely());
  }
}

const isOver = (ttl: number) => sql`(request_window.started_at <= now() - ${ttl}::int * interval '1 millisecond')`;
