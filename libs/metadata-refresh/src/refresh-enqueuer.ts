import { EntityManager } from '@mikro-orm/postgresql';
import type { MetadataLocation } from '@app/metadata-fetch';
import type { Collection } from '@app/token-store';
import { Injectable, Optional } from '@nestjs/common';
import { sql } from 'kysely';
import { CHUNK_SIZE } from './claim-plan.js';
import { EventOutbox } from './event-outbox.js';
import { INTERACTIVE, REFRESH_CHANNEL } from './refresh-queue.js';
import type { RefreshTrigger } from './refresh-trigger.js';
import { NO_VERDICTS, VERDICTS } from './verdict.js';

interface NewRefresh {
  id: string;
  projectId: string;
  collection: Collection;
  /** The source when the refresh is accepted: a later change of the collection applies to later refreshes. */
  source: MetadataLocation;
  lane: number;
  trigger: RefreshTrigger;
}

/** Saves accepted refreshes, and finds their lanes. */
@Injectable()
export class RefreshEnqueuer {
  constructor(
    private readonly em: EntityManager,
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
    const { id, projectId, collection, source, lane, trigger } = refresh;
    const isCompleted = unknown.length === tokenIds.length;
    const priority = priorityOf(tokenIds.length);
    await sql`
      with refresh as (
        insert into nft_metadata.refreshes
          (id, project_id, collection_id, collection_address, source, trigger, total, failed, created_at, completed_at)
        values (
          ${id}::uuid, ${projectId}, ${collection.id}::uuid, ${collection.address}, ${JSON.stringify(source)}::jsonb,
          ${trigger},
          ${tokenIds.length}::int, ${unknown.length}::int, now(), case when ${isCompleted}::boolean then now() end
        )
      ), wanted as materialized (
        select token_id, position, token_id = any(${unknown}::numeric[]) as is_unknown
        from unnest(${tokenIds}::numeric[]) with ordinality as ids (token_id, position)
      ), chunks as (
        insert into nft_metadata.refresh_chunks (refresh_id, lane_id, priority, due_at, token_ids)
        select ${id}::uuid, ${lane}::int, ${priority}::smallint, now(), array_agg(token_id order by token_id)
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
      select pg_notify(${REFRESH_CHANNEL}, ${priority === 0 ? INTERACTIVE : ''})`.execute(em.getKysely());
    if (!isCompleted) return;
    const counts = { total: tokenIds.length, succeeded: 0, failed: unknown.length, cancelled: 0 };
    const verdicts = { ...NO_VERDICTS, failed: unknown.length };
    await this.outbox?.add(em, {
      completions: [{ refreshId: id, projectId, collectionId: collection.id, trigger, ...counts, verdicts }],
    });
  }

  /** Call this after the commit of a refresh that was completed immediately. */
  announceCompletion(): void {
    this.outbox?.announce();
  }
}

/** A user may be waiting for so few tokens. */
const INTERACTIVE_TOKENS = 10;
const SMALL_TOKENS = 100;

/** Whether a user may be waiting for the refresh. */
export function isInteractive(tokens: number): boolean {
  return priorityOf(tokens) === 0;
}

/** Within a lane the three sizes take turns: small refreshes do not wait behind large ones, nor the reverse. */
export function priorityOf(tokens: number): 0 | 1 | 2 {
  if (tokens <= INTERACTIVE_TOKENS) return 0;
  return tokens <= SMALL_TOKENS ? 1 : 2;
}
