import { setTimeout as pause } from 'node:timers/promises';
import { EntityManager } from '@mikro-orm/postgresql';
import { inTransaction } from '@app/database';
import { Injectable, Optional } from '@nestjs/common';
import { sql, type RawBuilder } from 'kysely';
import { EventOutbox } from './event-outbox.js';
import { RefreshNotFound, RefreshPending } from './metadata-refresh.errors.js';
import { countResults } from './refresh-progress.js';
import { RefreshQueue } from './refresh-queue.js';
import { adviceFor } from './reason-advice.js';
import {
  detailColumns,
  newestOf,
  refreshColumns,
  toDetails,
  type DetailRow,
  type Refresh,
  type RefreshDetails,
} from './refresh-reader.js';
import type { RefreshErrorCode } from './refresh-reason.js';
import { RefreshRetention } from './refresh-retention.js';
import { REFRESH_TRIGGERS, type RefreshTrigger } from './refresh-trigger.js';
import { RefreshTokensReader, type RefreshTokenPage, type RefreshTokenQuery } from './refresh-tokens-reader.js';
import { VERDICTS } from './verdict.js';

/** Selects refreshes. All filters have to match. */
export interface RefreshFilter {
  refreshId?: string | undefined;
  projectId?: string | undefined;
  collectionId?: string | undefined;
  /** true: only refreshes with pending tokens; false: only completed ones. */
  isPending?: boolean | undefined;
  /** Default: all. */
  triggers?: readonly RefreshTrigger[] | undefined;
}

/** A refresh, with the project that requested it. */
export interface ProjectRefresh extends Refresh {
  projectId: string;
}

/** The same with its speed, and with the reasons of its failures. */
export interface ProjectRefreshDetails extends RefreshDetails {
  projectId: string;
}

/** How many tokens failed for one reason, with an example. */
export interface FailureCount {
  errorCode: RefreshErrorCode;
  reason: string;
  tokens: number;
  /** What the owner of the Metadata API can do: one sentence. */
  advice: string;
  example: { tokenId: string; metadataUrl: string; statusCode: number | null };
}

/** Tokens that one transaction cancels. */
const CANCEL_BATCH_SIZE = 1000;
/** A worker locks chunks while it writes one batch of results. */
const LOCKED_CHUNKS_RETRY_MS = 50;

/** Refreshes of all projects, for operators. */
@Injectable()
export class Refreshes {
  constructor(
    private readonly em: EntityManager,
    private readonly queue: RefreshQueue,
    private readonly retention: RefreshRetention,
    private readonly tokensReader: RefreshTokensReader,
    @Optional() private readonly outbox?: EventOutbox,
  ) {}

  /** Newest first; `limit` 1–1,000, 100 when absent. */
  async list({ limit = 100, ...filter }: RefreshFilter & { limit?: number | undefined } = {}): Promise<
    ProjectRefresh[]
  > {
    const rowLimit = Math.min(Math.max(limit, 1), 1000);
    const { projectId, triggers = REFRESH_TRIGGERS } = filter;
    // Refreshes of all projects have no index, and are read once.
    const newest =
      projectId === undefined
        ? sql`(
            select * from nft_metadata.refreshes as refresh
            where ${matches(filter)} and refresh.trigger = any(${triggers}::text[])
            order by refresh.created_at desc, refresh.id desc
            limit ${rowLimit}
          ) as refresh`
        : newestOf(triggers, [matches(filter)], rowLimit);
    const { rows } = await sql<ProjectRefresh>`
      select ${refreshColumns}, refresh.project_id as "projectId" from ${newest}
      order by refresh.created_at desc, refresh.id desc`.execute(this.em.fork().getKysely());
    return rows;
  }

  /** Throws RefreshNotFound. */
  async get(refreshId: string): Promise<ProjectRefreshDetails> {
    const { rows } = await sql<DetailRow & { projectId: string }>`
      select ${detailColumns}, refresh.project_id as "projectId"
      from nft_metadata.refreshes as refresh
      where refresh.id = ${uuidOf(refreshId)}::uuid`.execute(this.em.fork().getKysely());
    if (!rows[0]) throw new RefreshNotFound(refreshId);
    return toDetails(rows[0]);
  }

  /** What became of each token, in the order of token ids; `limit` 1 to 1,000. Throws RefreshNotFound. */
  async listTokens(refreshId: string, query: RefreshTokenQuery): Promise<RefreshTokenPage> {
    return this.tokensReader.page(await this.get(refreshId), query);
  }

  async count(filter: RefreshFilter): Promise<{ refreshes: number; pendingTokens: number }> {
    const { rows } = await sql<{ refreshes: number; pendingTokens: number }>`
      select count(*)::int as refreshes,
        coalesce(sum(refresh.total - refresh.succeeded - refresh.failed - refresh.cancelled), 0)::int as "pendingTokens"
      from nft_metadata.refreshes as refresh where ${matches(filter)}`.execute(this.em.fork().getKysely());
    return rows[0]!;
  }

  /** Counts the failed tokens of these refreshes by reason, the most frequent reason first, each with one of its tokens. */
  async countFailures(refreshIds: readonly string[]): Promise<FailureCount[]> {
    const { rows } = await sql<Omit<FailureCount, 'example' | 'advice'> & FailureCount['example']>`
      with failure as (
        select reason, error_code, sum(count)::int as tokens, min(example_token_id) as token_id,
          (array_agg(refresh_id order by example_token_id, refresh_id))[1] as refresh_id
        from nft_metadata.refresh_reasons
        where refresh_id = any(${refreshIds}::uuid[])
        group by reason, error_code
      )
      select failure.error_code as "errorCode", failure.reason, failure.tokens, failure.token_id::text as "tokenId",
        example.metadata_url as "metadataUrl", example.status_code as "statusCode"
      from failure
      cross join lateral (
        select * from nft_metadata.refresh_errors as error
        where error.refresh_id = failure.refresh_id and error.token_id = failure.token_id
        limit 1
      ) as example
      order by failure.tokens desc, failure.error_code, failure.reason`.execute(this.em.fork().getKysely());
    return rows.map(({ errorCode, reason, tokens, ...example }) => {
      return { errorCode, reason, tokens, advice: adviceFor(errorCode, reason), example };
    });
  }

  /**
   * Cancels the pending tokens: they fail as `unable_to_retrieve_metadata` with reason `cancelled`, and their records do not
   * change. Safe while workers run: the fetch of a token that a worker holds ends as it ends, and a retry is cancelled. Returns
   * the number of cancelled tokens when none is pending any more: after a worker that holds tokens has died, when its lease
   * expires. Throws RefreshNotFound.
   */
  async cancel(refreshId: string): Promise<number> {
    for (let cancelled = 0; ;) {
      const { pending } = await this.get(refreshId);
      if (pending === 0) return cancelled;
      const batch = await this.cancelBatch(refreshId);
      cancelled += batch;
      if (batch === 0) await pause(LOCKED_CHUNKS_RETRY_MS);
    }
  }

  /** Deletes the refresh with its results and errors, in short statements. Throws RefreshNotFound, RefreshPending. */
  async remove(refreshId: string): Promise<void> {
    const { pending } = await this.get(refreshId);
    if (pending > 0) throw new RefreshPending(refreshId, pending);
    if (!(await this.retention.deleteRefresh(refreshId))) throw new RefreshNotFound(refreshId);
  }

  /**
   * Deletes all refreshes of a project, its lanes and its quota, before the project itself is removed. Pending tokens are
   * cancelled. Returns the number of refreshes.
   */
  async removeAllOf(projectId: string): Promise<number> {
    let removed = 0;
    for (let batch = await this.list({ projectId }); batch.length > 0; batch = await this.list({ projectId })) {
      for (const { id, pending } of batch) {
        if (pending > 0) await this.cancel(id);
        await this.retention.deleteRefresh(id);
      }
      removed += batch.length;
    }
    await sql`
      with lanes as (delete from nft_metadata.lanes where project_id = ${projectId})
      delete from nft_metadata.refresh_quotas where project_id = ${projectId}`.execute(this.em.fork().getKysely());
    return removed;
  }

  private async cancelBatch(refreshId: string): Promise<number> {
    const cancelled = await inTransaction(this.em, async (em) => {
      const count = await this.queue.cancel(em, refreshId, CANCEL_BATCH_SIZE);
      const progress =
        count === 0 ? [] : await countResults(em, [{ refreshId, verdict: VERDICTS.cancelled, tokens: count }]);
      await this.outbox?.add(em, { completions: progress.filter(({ completed }) => completed) });
      return count;
    });
    if (cancelled > 0) this.outbox?.announce();
    return cancelled;
  }
}

function matches({ refreshId, projectId, collectionId, isPending }: RefreshFilter): RawBuilder<unknown> {
  const conditions = [sql`true`];
  if (refreshId !== undefined) conditions.push(sql`refresh.id = ${uuidOf(refreshId)}::uuid`);
  if (projectId !== undefined) conditions.push(sql`refresh.project_id = ${projectId}`);
  if (collectionId !== undefined) conditions.push(sql`refresh.collection_id = ${collectionId}::uuid`);
  if (isPending !== undefined) conditions.push(sql`(refresh.completed_at is null) = ${isPending}`);
  return sql.join(conditions, sql` and `);
}

/** Throws RefreshNotFound for a malformed id. */
function uuidOf(refreshId: string): string {
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(refreshId)) throw new RefreshNotFound(refreshId);
  return refreshId;
}
