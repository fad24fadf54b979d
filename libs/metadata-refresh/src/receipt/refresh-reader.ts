import { EntityManager } from '@mikro-orm/postgresql';
import { inReadTransaction, readingFrom, readInIndexOrder, timestamp } from '@app/database';
import type { TokenReference } from '@app/token-store';
import { Injectable } from '@nestjs/common';
import { sql, type RawBuilder } from 'kysely';
import type { AttemptedRequest } from '../completion/item-result.js';
import { toPage, type Page, type PageRequest } from './page.js';
import { adviceFor } from './reason-advice.js';
import { verdictColumns } from '../completion/refresh-progress.js';
import { attemptEventColumn, eventColumn, type RefreshEvent } from '../refresh-event.js';
import type { RefreshErrorCode } from '../refresh-reason.js';
import { speedColumn, type Speed } from './refresh-speed.js';
import { REQUESTED_TRIGGERS, type RefreshTrigger } from '../refresh-trigger.js';
import type { VerdictCounts } from '../verdict.js';

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
  collectionId: string;
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
  /** The event that caused it, the newest one of several; null for another trigger. */
  event: RefreshEvent | null;
  createdAt: string;
  completedAt: string | null;
  /** Scheduled: it does not begin before. null: it began when it was accepted. */
  notBefore: string | null;
  /** When a scheduled refresh began; null: it has not, or was not scheduled. */
  begunAt: string | null;
  /** null: it is not paused, or is completed. */
  pausedAt: string | null;
  /** null: nobody has cancelled it. */
  cancelledAt: string | null;
  /** The refresh whose failed tokens it tries again. */
  retryOf: string | null;
  /** The cooldown that delays the pending tokens; null when there is none, or nothing is pending. */
  cooldown: Cooldown | null;
}

/** How many tokens failed for one reason. */
export interface ReasonCount {
  errorCode: RefreshErrorCode;
  reason: string;
  count: number;
  /** One of these tokens. */
  exampleTokenId: string;
  /** What the owner of the Metadata API can do: one sentence. */
  advice: string;
}

/** A refresh with its speed, and with the reasons of its failures. */
export interface RefreshDetails extends Refresh {
  /** null: it is completed or stopped, or its speed is not known yet. */
  speed: Speed | null;
  /** The ten most frequent reasons, the most frequent first. */
  reasons: ReasonCount[];
}

/** Selects refreshes of a project. All filters have to match. */
export interface RefreshListFilter {
  collectionAddress?: string | undefined;
  /** Default: REQUESTED_TRIGGERS. */
  triggers?: readonly RefreshTrigger[] | undefined;
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
  /** The event that named the token, if it was fetched for one. */
  event: RefreshEvent | null;
  createdAt: string;
}

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
  refresh.id, refresh.collection_id as "collectionId", refresh.collection_address as "collectionAddress", refresh.total, refresh.succeeded, refresh.failed,
  refresh.cancelled, refresh.total - refresh.succeeded - refresh.failed - refresh.cancelled as pending,
  case
    when refresh.completed_at is not null then 'completed'
    when refresh.succeeded + refresh.failed + refresh.cancelled > 0 then 'in_progress'
    else 'queued'
  end as status,
  refresh.trigger, ${eventColumn}, ${verdictColumns},
  ${timestamp('refresh.created_at')} as "createdAt", ${timestamp('refresh.completed_at')} as "completedAt",
  ${timestamp('refresh.not_before')} as "notBefore", ${timestamp('refresh.begun_at')} as "begunAt",
  ${timestamp('case when refresh.completed_at is null then refresh.paused_at end')} as "pausedAt",
  ${timestamp('refresh.cancelled_at')} as "cancelledAt", refresh.retry_of as "retryOf",
  ${cooldown} as cooldown`;

const MAX_REASONS = 10;

/** The same, with what only the status of one refresh shows. Bounded by the number of reasons, whatever the number of tokens. */
export const detailColumns = sql`
  ${refreshColumns}, ${speedColumn},
  (
    select coalesce(
      jsonb_agg(
        jsonb_build_object(
          'errorCode', error_code, 'reason', reason, 'count', count, 'exampleTokenId', example_token_id::text
        )
        order by count desc, error_code, reason
      ),
      '[]'
    )
    from (
      select * from nft_metadata.refresh_reasons
      where refresh_id = refresh.id
      order by count desc, error_code, reason
      limit ${sql.lit(MAX_REASONS)}
    ) as frequent
  ) as reasons`;

export type DetailRow = Omit<RefreshDetails, 'reasons'> & { reasons: Omit<ReasonCount, 'advice'>[] };

export function toDetails<Row extends DetailRow>(row: Row): Row & RefreshDetails {
  const { speed, cooldown } = row;
  const reasons = row.reasons.map((reason) => ({ ...reason, advice: adviceFor(reason.errorCode, reason.reason) }));
  // Times of one form are in the order of their texts.
  const isCooldownLonger = speed?.estimatedCompletion && cooldown && cooldown.until > speed.estimatedCompletion;
  return { ...row, reasons, speed: isCooldownLonger ? { ...speed, estimatedCompletion: cooldown.until } : speed };
}

/** Reads refreshes, errors and attempts. */
@Injectable()
export class RefreshReader {
  constructor(private readonly em: EntityManager) {}

  async find(projectId: string, refreshId: string): Promise<RefreshDetails | null> {
    const { rows } = await sql<DetailRow>`
      select ${detailColumns} from nft_metadata.refreshes as refresh
      where refresh.id = ${refreshId}::uuid and refresh.project_id = ${projectId}`.execute(
      readingFrom(this.em).getKysely(),
    );
    return rows[0] ? toDetails(rows[0]) : null;
  }

  /** A project's own refreshes, newest first. */
  async list(
    projectId: string,
    { limit, after, collectionAddress, triggers = REQUESTED_TRIGGERS }: PageRequest & RefreshListFilter,
  ): Promise<Page<Refresh>> {
    const conditions = [sql`refresh.project_id = ${projectId}`];
    if (collectionAddress) conditions.push(sql`refresh.collection_address = ${collectionAddress.toLowerCase()}`);
    if (after) {
      conditions.push(sql`(refresh.created_at, refresh.id) < (${after.createdAt}::timestamptz, ${after.id}::uuid)`);
    }
    const { rows } = await sql<Refresh>`
      select ${refreshColumns} from ${newestOf(triggers, conditions, limit + 1)}
      order by refresh.created_at desc, refresh.id desc`.execute(readingFrom(this.em).getKysely());
    return toPage(rows, limit);
  }

  /** The cooldown of a metadata host; null: there is none. */
  async findCooldown(host: string): Promise<Cooldown | null> {
    const { rows } = await sql<Cooldown>`
      select host, ${timestamp('cooldown_until')} as until from nft_metadata.metadata_hosts
      where host = ${host} and cooldown_until > now()`.execute(readingFrom(this.em).getKysely());
    return rows[0] ?? null;
  }

  /** The failed tokens of one refresh, newest first. */
  async listErrors(refresh: Refresh, page: PageRequest): Promise<Page<RefreshError>> {
    const after = page.after
      ? sql`and (error.created_at, error.id) < (${page.after.createdAt}::timestamptz, ${page.after.id}::bigint)`
      : sql``;
    return inReadTransaction(this.em, async (em) => {
      await readInIndexOrder(em);
      const { rows } = await sql<RefreshError>`
        select error.id::text as id, error.token_id::text as "tokenId",
          ${refresh.collectionAddress}::text as "collectionAddress", error.metadata_url as "metadataUrl",
          error.status_code as "statusCode", error.body, error.error_code as "errorCode", error.reason,
          ${timestamp('error.created_at')} as "createdAt"
        from nft_metadata.refresh_errors as error
        where error.refresh_id = ${refresh.id}::uuid ${after}
        order by error.created_at desc, error.id desc
        limit ${page.limit + 1}`.execute(em.getKysely());
      return toPage(rows, page.limit);
    });
  }

  /** The attempts at one token within their retention, newest first. */
  async listAttempts({ collectionId, tokenId }: TokenReference, page: PageRequest): Promise<Page<Attempt>> {
    const after = page.after ? sql`and entry.id < ${page.after.id}::bigint` : sql``;
    // "entry.id" and not "id": that is the text which is selected, and as text 10 comes before 9.
    const { rows } = await sql<Attempt>`
      select entry.id::text as id, entry.refresh_id as "refreshId", entry.attempt, entry.url, entry.outcome,
        entry.status_code as "statusCode", entry.reason, entry.duration_ms as "durationMs", entry.bytes,
        ${attemptEventColumn},
        ${timestamp('entry.attempted_at')} as "createdAt"
      from nft_metadata.refresh_attempts as entry
      where entry.collection_id = ${collectionId}::uuid and entry.token_id = ${tokenId}::numeric ${after}
      order by entry.id desc
      limit ${page.limit + 1}`.execute(readingFrom(this.em).getKysely());
    return toPage(rows, page.limit);
  }
}

/**
 * The newest refreshes with any of these triggers, as `refresh`, in no order. The conditions name the project. Reads up to `limit`
 * rows of each trigger from the index, however many refreshes have another one.
 */
export function newestOf(
  triggers: readonly RefreshTrigger[],
  conditions: readonly RawBuilder<unknown>[],
  limit: number | RawBuilder<unknown>,
): RawBuilder<unknown> {
  return sql`(
    select of_trigger.*
    from unnest(${[...new Set(triggers)]}::text[]) as wanted (trigger)
    cross join lateral (
      select * from nft_metadata.refreshes as refresh
      where ${sql.join(conditions, sql` and `)} and refresh.trigger = wanted.trigger
      order by refresh.created_at desc, refresh.id desc
      limit ${limit}
    ) as of_trigger
    order by of_trigger.created_at desc, of_trigger.id desc
    limit ${limit}
  ) as refresh`;
}
