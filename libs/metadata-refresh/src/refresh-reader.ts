import { EntityManager } from '@mikro-orm/postgresql';
import type { TokenReference } from '@app/token-store';
import { Injectable } from '@nestjs/common';
import { sql, type RawBuilder } from 'kysely';
import type { AttemptedRequest, RefreshErrorCode } from './item-result.js';
import { verdictColumns } from './refresh-progress.js';
import type { RefreshTrigger } from './refresh-trigger.js';
import type { VerdictCounts } from './verdict.js';
import { toPage, type Page, type PageRequest } from './page.js';

/** `queued`: no token processed · `in_progress`: at least one · `completed`: all, also when every one failed. */
export type RefreshStatus = 'queued' | 'in_progress' | 'completed';

/** A metadata host in cooldown after 429 or 503: none of its tokens is fetched until then. */
export interface Cooldown {
  /** The name in its lanes: `api.example:8080`, `ipfs:`, `ar:` or `chain:<chain id>/<contract>`. */
  host: string;
  /** RFC 3339 in UTC, with microseconds. */
  until: string;
}

/** One accepted request and its progress. Times are RFC 3339 in UTC, with microseconds. */
export interface Refresh {
  id: string;
  collectionAddress: string;
  status: RefreshStatus;
  total: number;
  succeeded: number;
  failed: number;
  /** Tokens that were not processed because the refresh was cancelled. */
  cancelled: number;
  pending: number;
  verdicts: VerdictCounts;
  trigger: RefreshTrigger;
  /** The refresh whose failed tokens it tries again. */
  retryOf: string | null;
  createdAt: string;
  completedAt: string | null;
  /** When it begins at the earliest; null: it began when it was accepted. */
  notBefore: string | null;
  /** Since when it is paused; null: it is not. */
  pausedAt: string | null;
  cancelledAt: string | null;
  /** The cooldown that delays the pending tokens; null when there is none, or nothing is pending. */
  cooldown: Cooldown | null;
}

/** One token that could not be refreshed, and why. */
export interface RefreshError {
  id: string;
  tokenId: string;
  collectionAddress: string;
  metadataUrl: string;
  statusCode: number | null;
  body: string | null;
  errorCode: RefreshErrorCode;
  reason: string;
  createdAt: string;
}

/** One request that was made for a token. */
export interface Attempt {
  id: string;
  refreshId: string;
  /** The number of the attempt, from 1. With several gateways, one attempt can be several requests. */
  attempt: number;
  url: string;
  outcome: AttemptedRequest['outcome'];
  statusCode: number | null;
  /** null for a success. */
  reason: string | null;
  durationMs: number;
  /** After decompression. */
  bytes: number;
  createdAt: string;
}

const timestamp = (column: string): RawBuilder<string> =>
  sql.raw(`to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`);

/**
 * All chunks of a refresh are in one lane, so any of them names the host; a refresh without chunks is completed. "order by"
 * makes the planner use the index on (refresh_id, last_token_id); without it, it may scan the whole table for the first row.
 */
const cooldown = sql`(
  select jsonb_build_object('host', lane.host, 'until', ${timestamp('host.cooldown_until')})
  from (
    select lane_id from nft_metadata.refresh_chunks
    where refresh_id = refresh.id and refresh.completed_at is null
    order by last_token_id limit 1
  ) as chunk
  join nft_metadata.lanes as lane on lane.id = chunk.lane_id
  join nft_metadata.metadata_hosts as host on host.host = lane.host and host.cooldown_until > now()
)`;

/** For a statement on `refreshes as refresh`. */
export const refreshColumns = sql`
  refresh.id, refresh.collection_address as "collectionAddress", refresh.total, refresh.succeeded, refresh.failed,
  refresh.cancelled, refresh.total - refresh.succeeded - refresh.failed - refresh.cancelled as pending,
  case
    when refresh.completed_at is not null then 'completed'
    when refresh.succeeded + refresh.failed + refresh.cancelled > 0 then 'in_progress'
    else 'queued'
  end as status,
  refresh.trigger, ${verdictColumns}, refresh.retry_of as "retryOf",
  ${timestamp('refresh.created_at')} as "createdAt", ${timestamp('refresh.completed_at')} as "completedAt",
  ${timestamp('refresh.not_before')} as "notBefore",
  ${timestamp('refresh.paused_at')} as "pausedAt", ${timestamp('refresh.cancelled_at')} as "cancelledAt",
  ${cooldown} as cooldown`;

/** Reads refreshes, errors and attempts. */
@Injectable()
export class RefreshReader {
  constructor(private readonly em: EntityManager) {}

  async find(projectId: string, refreshId: string): Promise<Refresh | null> {
    const { rows } = await sql<Refresh>`
      select ${refreshColumns} from nft_metadata.refreshes as refresh
      where refresh.id = ${refreshId}::uuid and refresh.project_id = ${projectId}`.execute(this.em.fork().getKysely());
    return rows[0] ?? null;
  }

  /** A project's own refreshes, newest first. */
  async list(projectId: string, page: PageRequest, collectionAddress?: string): Promise<Page<Refresh>> {
    const conditions = [sql`refresh.project_id = ${projectId}`];
    if (collectionAddress) conditions.push(sql`refresh.collection_address = ${collectionAddress.toLowerCase()}`);
    if (page.after) {
      conditions.push(
        sql`(refresh.created_at, refresh.id) < (${page.after.createdAt}::timestamptz, ${page.after.id}::uuid)`,
      );
    }
    const { rows } = await sql<Refresh>`
      select ${refreshColumns} from nft_metadata.refreshes as refresh
      where ${sql.join(conditions, sql` and `)}
      order by refresh.created_at desc, refresh.id desc
      limit ${page.limit + 1}`.execute(this.em.fork().getKysely());
    return toPage(rows, page.limit);
  }

  /** The failed tokens of one refresh, newest first. */
  async listErrors(refresh: Refresh, page: PageRequest): Promise<Page<RefreshError>> {
    const after = page.after
      ? sql`and (error.created_at, error.id) < (${page.after.createdAt}::timestamptz, ${page.after.id}::bigint)`
      : sql``;
    const { rows } = await sql<RefreshError>`
      select error.id::text as id, error.token_id::text as "tokenId",
        ${refresh.collectionAddress}::text as "collectionAddress", error.metadata_url as "metadataUrl",
        error.status_code as "statusCode", error.body, error.error_code as "errorCode", error.reason,
        ${timestamp('error.created_at')} as "createdAt"
      from nft_metadata.refresh_errors as error
      where error.refresh_id = ${refresh.id}::uuid ${after}
      order by error.created_at desc, error.id desc
      limit ${page.limit + 1}`.execute(this.em.fork().getKysely());
    return toPage(rows, page.limit);
  }

  /** The attempts at one token within their retention, newest first. */
  async listAttempts({ collectionId, tokenId }: TokenReference, page: PageRequest): Promise<Page<Attempt>> {
    const after = page.after ? sql`and entry.id < ${page.after.id}::bigint` : sql``;
    // "entry.id" and not "id": that is the text which is selected, and as text 10 comes before 9.
    const { rows } = await sql<Attempt>`
      select entry.id::text as id, entry.refresh_id as "refreshId", entry.attempt, entry.url, entry.outcome,
        entry.status_code as "statusCode", entry.reason, entry.duration_ms as "durationMs", entry.bytes,
        ${timestamp('entry.attempted_at')} as "createdAt"
      from nft_metadata.refresh_attempts as entry
      where entry.collection_id = ${collectionId}::uuid and entry.token_id = ${tokenId}::numeric ${after}
      order by entry.id desc
      limit ${page.limit + 1}`.execute(this.em.fork().getKysely());
    return toPage(rows, page.limit);
  }
}
