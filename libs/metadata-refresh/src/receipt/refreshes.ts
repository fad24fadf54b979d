import { setTimeout as pause } from 'node:timers/promises';
import { EntityManager } from '@mikro-orm/postgresql';
import { readingFrom } from '@app/database';
import { Injectable } from '@nestjs/common';
import { sql, type RawBuilder } from 'kysely';
import { RefreshAlreadyCompleted, RefreshNotFound, RefreshPending } from '../metadata-refresh.errors.js';
import { adviceFor } from './reason-advice.js';
import { RefreshControl } from '../control/refresh-control.js';
import { parseRefreshId } from '../refresh-id.js';
import {
  detailColumns,
  newestOf,
  refreshColumns,
  toDetails,
  type DetailRow,
  type Refresh,
  type RefreshDetails,
} from './refresh-reader.js';
import type { RefreshErrorCode } from '../refresh-reason.js';
import { RefreshRetention } from '../refresh-retention.js';
import { RevealRetention } from '../reveals/reveal-retention.js';
import { RefreshRetry } from '../admission/refresh-retry.js';
import { RefreshSweep } from '../control/refresh-sweep.js';
import { REFRESH_TRIGGERS, type RefreshTrigger } from '../refresh-trigger.js';
import {
  RefreshTokensReader,
  type RefreshToken,
  type RefreshTokenFilter,
  type RefreshTokenPage,
  type RefreshTokenQuery,
} from './refresh-tokens-reader.js';

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

/** Interval of looks at chunks that a worker holds, or has locked while it writes results. */
const BUSY_CHUNKS_RETRY_MS = 50;

/** Refreshes of all projects, for operators. */
@Injectable()
export class Refreshes {
  constructor(
    private readonly em: EntityManager,
    private readonly control: RefreshControl,
    private readonly sweep: RefreshSweep,
    private readonly retries: RefreshRetry,
    private readonly retention: RefreshRetention,
    private readonly reveals: RevealRetention,
    private readonly tokensReader: RefreshTokensReader,
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
      order by refresh.created_at desc, refresh.id desc`.execute(readingFrom(this.em).getKysely());
    return rows;
  }

  /** Throws RefreshNotFound. */
  async get(refreshId: string): Promise<ProjectRefreshDetails> {
    const { rows } = await sql<DetailRow & { projectId: string }>`
      select ${detailColumns}, refresh.project_id as "projectId"
      from nft_metadata.refreshes as refresh
      where refresh.id = ${parseRefreshId(refreshId)}::uuid`.execute(readingFrom(this.em).getKysely());
    if (!rows[0]) throw new RefreshNotFound(refreshId);
    return toDetails(rows[0]);
  }

  /** What became of each token, in the order of token ids; `limit` 1 to 1,000. Throws RefreshNotFound. */
  async listTokens(refreshId: string, query: RefreshTokenQuery): Promise<RefreshTokenPage> {
    return this.tokensReader.page(await this.get(refreshId), query);
  }

  /** The same for all tokens, in lists of up to 1,000, of which some may be empty. Throws RefreshNotFound at the first. */
  async *tokenPages(refreshId: string, filter: RefreshTokenFilter): AsyncGenerator<RefreshToken[]> {
    yield* this.tokensReader.pages(await this.get(refreshId), filter);
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
   * Cancels the pending tokens: no worker claims them from now on, they end with the verdict `cancelled`, and their records do not
   * change. The fetch of a token that a worker holds ends as it ends, and a retry is cancelled. Returns the number of cancelled tokens
   * when none is pending any more: after a worker that holds tokens has died, when its lease expires. 0 if none was pending. Throws
   * RefreshNotFound.
   */
  async cancel(refreshId: string): Promise<number> {
    const before = await this.get(refreshId);
    if (before.pending > 0) await this.requestCancel(refreshId);
    for (;;) {
      const { pending, cancelled } = await this.get(refreshId);
      if (pending === 0) return cancelled - before.cancelled;
      const { tokens } = await this.sweep.cancelBatch(refreshId);
      if (tokens === 0) await pause(BUSY_CHUNKS_RETRY_MS);
    }
  }

  /** Cancels like `cancel`, and does not wait for the tokens. No error if none is pending. Throws RefreshNotFound. */
  async requestCancel(refreshId: string): Promise<void> {
    await this.control.cancel({ refreshId }).catch((error: unknown) => {
      if (!(error instanceof RefreshAlreadyCompleted)) throw error;
    });
  }

  /**
   * No token of the refresh is claimed until it is resumed; what a worker holds is finished. After 30 days it is cancelled. Throws
   * RefreshNotFound, RefreshCancelled, RefreshAlreadyCompleted.
   */
  async pause(refreshId: string): Promise<void> {
    await this.control.pause({ refreshId });
    await this.sweep.continueStopped();
  }

  /** Ends a pause. Throws RefreshNotFound, RefreshCancelled, RefreshAlreadyCompleted. */
  async resume(refreshId: string): Promise<void> {
    await this.control.resume({ refreshId });
    await this.sweep.continueStopped();
  }

  /**
   * Accepts a new refresh of its failed tokens, optionally only of those that failed for one of these reasons. An operator's retry
   * counts against no limit of the project. Throws RefreshNotFound, NothingToRetry, CollectionNotOwned, SourceNotSupported.
   */
  async retry(
    refreshId: string,
    { reasons }: { reasons?: readonly string[] | undefined } = {},
  ): Promise<{ refreshId: string; tokens: number }> {
    const { refreshId: id, tokens } = await this.retries.retry({ refreshId }, { reasons });
    return { refreshId: id, tokens };
  }

  /** Deletes the refresh with its results and errors, in short statements. Throws RefreshNotFound, RefreshPending. */
  async remove(refreshId: string): Promise<void> {
    const { pending } = await this.get(refreshId);
    if (pending > 0) throw new RefreshPending(refreshId, pending);
    if (!(await this.retention.deleteRefresh(refreshId))) throw new RefreshNotFound(refreshId);
  }

  /**
   * Deletes all refreshes and reveals of a project, its lanes and its quota, before the project itself is removed. Pending tokens are
   * cancelled. Returns the number of refreshes.
   */
  async removeAllOf(projectId: string): Promise<number> {
    await this.reveals.deleteAllOf(projectId);
    let removed = 0;
    for (let batch = await this.list({ projectId }); batch.length > 0; batch = await this.list({ projectId })) {
      for (const { id, pending } of batch) {
        if (pending > 0) await this.cancel(id);
        await this.retention.deleteRefresh(id);
      }
      removed += batch.length;
    }
    await sql`
      with lanes as (delete from nft_metadata.lanes where project_id = ${projectId}),
        receipts as (delete from nft_metadata.idempotency_keys where project_id = ${projectId})
      delete from nft_metadata.refresh_quotas where project_id = ${projectId}`.execute(this.em.fork().getKysely());
    return removed;
  }
}

function matches({ refreshId, projectId, collectionId, isPending }: RefreshFilter): RawBuilder<unknown> {
  const conditions = [sql`true`];
  if (refreshId !== undefined) conditions.push(sql`refresh.id = ${parseRefreshId(refreshId)}::uuid`);
  if (projectId !== undefined) conditions.push(sql`refresh.project_id = ${projectId}`);
  if (collectionId !== undefined) conditions.push(sql`refresh.collection_id = ${collectionId}::uuid`);
  if (isPending !== undefined) conditions.push(sql`(refresh.completed_at is null) = ${isPending}`);
  return sql.join(conditions, sql` and `);
}
