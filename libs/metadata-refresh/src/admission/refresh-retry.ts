import { EntityManager } from '@mikro-orm/postgresql';
import { inTransaction } from '@app/database';
import { MetadataFetcher } from '@app/metadata-fetch';
import { Collections, type Collection } from '@app/token-store';
import { traceparentOf } from '@app/tracing';
import { ModuleLogger } from '@app/logging';
import { Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import { BulkPause } from '../queue/bulk-pause.js';
import { CHUNK_SIZE } from '../queue/claim-plan.js';
import { saveReceipt } from './idempotency.js';
import { allowLargeStatements } from './large-statements.js';
import { CollectionNotOwned, NothingToRetry, RefreshNotFound, type QuotaState } from '../metadata-refresh.errors.js';
import { isInteractive, priorityOf } from './new-refresh.js';
import { RefreshEnqueuer } from './refresh-enqueuer.js';
import type { Admission, RefreshReference } from '../control/refresh-control.js';
import { parseRefreshId } from '../refresh-id.js';
import { INTERACTIVE, REFRESH_CHANNEL } from '../queue/refresh-queue.js';
import { joinReveal } from '../reveals/open-reveals.js';
import { inAcceptanceSpan, setAccepted } from '../refresh-trace.js';
import { RefreshQuota } from './refresh-quota.js';
import type { RequestConditions } from './refresh-request.js';
import { getLocation, hostOf, toLocation } from '../queue/refresh-source.js';
import { timeOrderedUuid } from '../time-ordered-uuid.js';

/** A request to refresh the failed tokens of a refresh again. */
export interface RetryRequest extends Pick<RequestConditions, 'idempotency' | 'precheck'> {
  /** Only tokens that failed for one of these reasons; all failed tokens when absent. */
  reasons?: readonly string[] | undefined;
  /** A last condition, inside the transaction that accepts: what it throws refuses the retry, and undoes what it did. */
  admit?: Admission | undefined;
}

interface RetryOptions extends Omit<RetryRequest, 'precheck'> {
  /** Tokens of the project in an hour. Absent: the retry is not charged. */
  tokensPerHour?: number | undefined;
  /** Whether a collection may be refreshed that is registered with another project. Absent: no. */
  mayRefresh?: ((collection: Collection) => Promise<boolean>) | undefined;
}

/** An accepted retry. */
export interface AcceptedRetry {
  refreshId: string;
  tokens: number;
  /** null: it was not charged. */
  quota: QuotaState | null;
}

interface Retried {
  id: string;
  projectId: string;
  collectionId: string;
  collectionAddress: string;
  /** The reveal that it stages documents for; null: none. */
  revealId: string | null;
  /** The span that accepted it; null: it is not traced. */
  traceparent: string | null;
  /** Failed tokens, of the given reasons. */
  tokens: number;
}

/**
 * Makes a new refresh of the failed tokens of another one, from the present source of their collection. One statement selects and
 * saves them, however many they are. While the other refresh runs, these are the tokens that have failed so far.
 */
@Injectable()
export class RefreshRetry {
  private readonly logger = new ModuleLogger('MetadataRefresh');

  constructor(
    private readonly em: EntityManager,
    private readonly collections: Collections,
    private readonly fetcher: MetadataFetcher,
    private readonly quota: RefreshQuota,
    private readonly enqueuer: RefreshEnqueuer,
    private readonly bulkPause: BulkPause,
  ) {}

  /** Throws RefreshNotFound, NothingToRetry, CollectionNotOwned, SourceNotSupported, QuotaExceeded, RevealEnded. */
  async retry({ refreshId, projectId }: RefreshReference, options: RetryOptions = {}): Promise<AcceptedRetry> {
    const retried = await this.find(parseRefreshId(refreshId), projectId, options.reasons);
    if (!retried) throw new RefreshNotFound(refreshId);
    if (retried.tokens === 0) throw new NothingToRetry(refreshId, options.reasons);
    const { projectId: owner, collectionAddress } = retried;
    const of = { projectId: owner, collectionAddress, trigger: 'retry' as const, retryOf: retried };
    return inAcceptanceSpan(of, async (span) => {
      const accepted = await this.accept(retried, options, traceparentOf(span));
      setAccepted(span, accepted.refreshId, accepted.tokens);
      return accepted;
    });
  }

  private async accept(
    retried: Retried,
    { reasons, tokensPerHour, idempotency, admit, mayRefresh }: RetryOptions,
    traceparent: string | null,
  ): Promise<AcceptedRetry> {
    const collection = await this.collectionOf(retried, mayRefresh);
    const source = getLocation(collection, this.fetcher);
    if (isInteractive(retried.tokens)) this.bulkPause.request();
    if (tokensPerHour !== undefined) {
      await this.quota.precheck(retried.projectId, tokensPerHour, retried.tokens);
    }
    const lane = await this.enqueuer.lane(retried.projectId, hostOf(source), collection.hostConcurrency ?? null);

    const refresh = { id: timeOrderedUuid(), projectId: retried.projectId };
    const accepted = await inTransaction(this.em, async (em) => {
      if (idempotency) await saveReceipt(em, refresh.projectId, idempotency, refresh.id);
      await allowLargeStatements(em);
      const revealId = retried.revealId && (await joinReveal(em, retried.revealId)) ? retried.revealId : null;
      const tokens = await this.save(em, refresh.id, { retried, revealId, collection, lane, reasons, traceparent });
      if (tokens === 0) throw new NothingToRetry(retried.id, reasons);
      // Last: these lock a row of the project, and what comes after them is only the commit.
      await admit?.(em);
      const quota = tokensPerHour === undefined ? null : await this.quota.reserve(em, refresh, tokensPerHour, tokens);
      return { refreshId: refresh.id, tokens, quota };
    });
    this.logger.log({
      msg: 'refresh accepted',
      refreshId: refresh.id,
      projectId: refresh.projectId,
      collectionAddress: collection.address,
      tokens: accepted.tokens,
      retryOf: retried.id,
    });
    return accepted;
  }

  private async find(
    refreshId: string,
    projectId: string | undefined,
    reasons: readonly string[] | undefined,
  ): Promise<Retried | undefined> {
    const { rows } = await sql<Retried>`
      select id, project_id as "projectId", collection_id as "collectionId", collection_address as "collectionAddress",
        reveal_id as "revealId", traceparent,
        (
          select coalesce(sum(count), 0)::int from nft_metadata.refresh_reasons
          where refresh_id = refresh.id and (${reasons ?? null}::text[] is null or reason = any(${reasons ?? null}::text[]))
        ) as tokens
      from nft_metadata.refreshes as refresh
      where id = ${refreshId}::uuid and (${projectId ?? null}::text is null or project_id = ${projectId ?? null}::text)`.execute(
      this.em.fork().getKysely(),
    );
    return rows[0];
  }

  /** By id: the address may be registered on several chains. */
  private async collectionOf(
    { projectId, collectionId, collectionAddress }: Retried,
    mayRefresh: RetryOptions['mayRefresh'],
  ): Promise<Collection> {
    const registered = await this.collections.findByAddress(collectionAddress);
    const collection = registered.find((of) => of.id === collectionId);
    if (!collection) throw new CollectionNotOwned(collectionAddress);
    if (collection.projectId === projectId || (await mayRefresh?.(collection))) return collection;
    throw new CollectionNotOwned(collectionAddress);
  }

  /** Returns the number of tokens; 0: nothing was saved. */
  private async save(
    em: EntityManager,
    id: string,
    {
      retried,
      revealId,
      collection,
      lane,
      reasons,
      traceparent,
    }: {
      retried: Retried;
      revealId: string | null;
      collection: Collection;
      lane: number;
      reasons: readonly string[] | undefined;
      traceparent: string | null;
    },
  ): Promise<number> {
    const source = toLocation(collection);
    // Of what was counted: a few tokens more may have failed since.
    const priority = priorityOf(retried.tokens);
    const ofReasons = reasons ? sql`and reason = any(${reasons}::text[])` : sql``;
    const { rows } = await sql<{ tokens: number }>`
      with failed as materialized (
        select token_id from nft_metadata.refresh_errors where refresh_id = ${retried.id}::uuid ${ofReasons}
      ), refresh as (
        insert into nft_metadata.refreshes
          (id, project_id, collection_id, collection_address, source, trigger, retry_of, reveal_id, traceparent, total, created_at)
        select ${id}::uuid, ${retried.projectId}, ${collection.id}::uuid, ${collection.address},
          ${JSON.stringify(source)}::jsonb, 'retry', ${retried.id}::uuid, ${revealId}::uuid, ${traceparent}::text,
          count(*), now()
        from failed
        having count(*) > 0
        returning total
      ), chunks as (
        insert into nft_metadata.refresh_chunks (refresh_id, lane_id, priority, due_at, token_ids)
        select ${id}::uuid, ${lane}::int, ${priority}::smallint, now(), array_agg(token_id order by token_id)
        from (
          select token_id, (row_number() over (order by token_id) - 1) / ${CHUNK_SIZE}::int as chunk from failed
        ) as numbered
        group by chunk
        order by chunk
      )
      select total as tokens, pg_notify(${REFRESH_CHANNEL}, ${priority === 0 ? INTERACTIVE : ''}) from refresh`.execute(
      em.getKysely(),
    );
    return rows[0]?.tokens ?? 0;
  }
}
