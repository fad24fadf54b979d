import { EntityManager } from '@mikro-orm/postgresql';
import type { TokenSelection } from '@app/token-store';
import { Injectable, Optional } from '@nestjs/common';
import { sql, type RawBuilder } from 'kysely';
import { CHUNK_SIZE } from '../queue/claim-plan.js';
import { EventOutbox } from '../event-outbox.js';
import { dueAt, insertRefresh, type NewRefresh } from './new-refresh.js';
import { INTERACTIVE, REFRESH_CHANNEL } from '../queue/refresh-queue.js';
import { SelectedChunks } from './selected-chunks.js';
import { NO_VERDICTS, VERDICTS } from '../verdict.js';

/** Saves accepted refreshes, and finds their lanes. */
@Injectable()
export class RefreshEnqueuer {
  constructor(
    private readonly em: EntityManager,
    private readonly selectedChunks: SelectedChunks,
    @Optional() private readonly outbox?: EventOutbox,
  ) {}

  /**
   * Finds or creates the lane of a project and a metadata host. Runs outside the accepting transaction, which would
   * otherwise lock the lane's row against claims. The lane's `host_concurrency` is that of the collection that was refreshed
   * last.
   */
  async lane(projectId: string, host: string, hostConcurrency: number | null): Promise<number> {
    const found = await sql<{ id: number }>`
      select id from nft_metadata.lanes
      where project_id = ${projectId} and host = ${host} and host_concurrency is not distinct from ${hostConcurrency}::int`.execute(
      this.em.fork().getKysely(),
    );
    if (found.rows[0]) return found.rows[0].id;
    const made = await sql<{ id: number }>`
      insert into nft_metadata.lanes (project_id, host, host_concurrency)
      values (${projectId}, ${host}, ${hostConcurrency}::int)
      on conflict (project_id, host) do update set host_concurrency = excluded.host_concurrency
      returning id`.execute(this.em.fork().getKysely());
    return made.rows[0]!.id;
  }

  /**
   * Saves the refresh with its tokens in chunks, and a result with an error for each unregistered token. Notifies idle workers.
   */
  async save(
    em: EntityManager,
    refresh: NewRefresh,
    tokenIds: readonly string[],
    unknown: readonly string[],
  ): Promise<void> {
    const { id, projectId, collection, lane, trigger, notBefore, priority } = refresh;
    const isCompleted = unknown.length === tokenIds.length;
    await sql`
      with refresh as (
        ${insertRefresh(refresh, tokenIds.length, unknown.length)}
      ), wanted as materialized (
        select token_id, position, token_id = any(${unknown}::numeric[]) as is_unknown
        from unnest(${tokenIds}::numeric[]) with ordinality as ids (token_id, position)
      ), chunks as (
        insert into nft_metadata.refresh_chunks (refresh_id, lane_id, priority, due_at, is_paused, token_ids)
        select ${id}::uuid, ${lane}::int, ${priority}::smallint, ${dueAt(refresh)}, ${notBefore !== undefined}::boolean,
          array_agg(token_id order by token_id)
        from (
          select token_id, (row_number() over (order by token_id) - 1) / ${CHUNK_SIZE}::int as chunk
          from wanted where not is_unknown
        ) as known
        group by chunk
        order by chunk
      ), results as (
        insert into nft_metadata.refresh_results (refresh_id, finished_at, attempts, verdict, token_id)
        select ${id}::uuid, now(), 0, ${VERDICTS.failed}::"char", token_id from wanted where is_unknown order by token_id
      ), errors as (
        insert into nft_metadata.refresh_errors (refresh_id, token_id, metadata_url, error_code, reason, created_at)
        select ${id}::uuid, token_id, '', 'token_not_found', 'not_registered', now()
        from wanted where is_unknown order by position
      ), reasons as (
        insert into nft_metadata.refresh_reasons (refresh_id, error_code, reason, count, example_token_id)
        select ${id}::uuid, 'token_not_found', 'not_registered', count(*), min(token_id) from wanted where is_unknown
        having count(*) > 0
      )
      ${notify(refresh)}`.execute(em.getKysely());
    if (!isCompleted) return;
    const counts = { total: tokenIds.length, succeeded: 0, failed: unknown.length, cancelled: 0 };
    const verdicts = { ...NO_VERDICTS, failed: unknown.length };
    await this.outbox?.add(em, {
      completions: [{ refreshId: id, projectId, collectionId: collection.id, trigger, ...counts, verdicts }],
    });
  }

  /**
   * Saves the refresh with all tokens that are selected now. `expected` tells how many there were a moment ago. Returns how many there
   * are; none, or more than `limit`: roll back. Notifies idle workers.
   */
  async saveSelection(
    em: EntityManager,
    refresh: NewRefresh & { selection: TokenSelection },
    { expected, limit }: { expected: number; limit: number },
  ): Promise<number> {
    await insertRefresh(refresh, expected).execute(em.getKysely());
    const total = await this.selectedChunks.insert(em, refresh, limit);
    if (total === 0 || total > limit) return total;
    if (total !== expected) {
      await sql`update nft_metadata.refreshes set total = ${total}::int where id = ${refresh.id}::uuid`.execute(
        em.getKysely(),
      );
    }
    await notify(refresh).execute(em.getKysely());
    return total;
  }

  /** Call this after the commit of a refresh that was completed immediately. */
  announceCompletion(): void {
    this.outbox?.announce();
  }
}

/** Wakes idle workers; for a refresh that begins later, the sweep does it. */
function notify({ priority, notBefore }: NewRefresh): RawBuilder<unknown> {
  if (notBefore) return sql`select`;
  return sql`select pg_notify(${REFRESH_CHANNEL}, ${priority === 0 ? INTERACTIVE : ''})`;
}
