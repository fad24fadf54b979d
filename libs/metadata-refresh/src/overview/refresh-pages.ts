import { EntityManager } from '@mikro-orm/postgresql';
import { readingFrom, timestamp } from '@app/database';
import { Inject, Injectable } from '@nestjs/common';
import { sql, type RawBuilder } from 'kysely';
import { METADATA_REFRESH_CONFIG, type MetadataRefreshConfig } from '../metadata-refresh.options.js';
import type { PagePosition, PageRequest } from '../receipt/page.js';
import { adviceFor } from '../receipt/reason-advice.js';
import { parseRefreshId } from '../refresh-id.js';
import {
  detailColumns,
  newestOf,
  refreshColumns,
  toDetails,
  type DetailRow,
  type ReasonCount,
  type RefreshDetails,
} from '../receipt/refresh-reader.js';
import { REQUESTED_TRIGGERS, type RefreshTrigger } from '../refresh-trigger.js';
import type { ProjectRefresh, ProjectRefreshDetails } from '../receipt/refreshes.js';
import { projectIdOf, type ReadScope } from './read-scope.js';

/** Which refreshes a list has. All filters have to match. */
export interface RefreshPageQuery extends PageRequest {
  /** Beside the scope. */
  projectId?: string | undefined;
  collection?: { id: string; address: string; projectId: string } | undefined;
  state?: 'running' | 'done' | 'with-failures' | undefined;
  /** Default: REQUESTED_TRIGGERS. */
  triggers?: readonly RefreshTrigger[] | undefined;
}

/** A page of refreshes. */
export interface RefreshPage {
  rows: ProjectRefresh[];
  /** Where the next page starts. A page can be short, even empty, and not be the last. null: it is the last. */
  next: PagePosition | null;
}

/** A refresh with what only its own page shows. */
export interface DetailedRefresh extends ProjectRefreshDetails {
  /** The metadata host of its pending tokens; null: none is pending. */
  host: string | null;
  /** How many of the pending tokens have failed at least once. */
  tryingAgain: number;
  /** The first token that failed; null: none has. */
  firstFailure: { tokenId: string; reason: string; at: string } | null;
}

/** A failed token. */
export interface FailureExample {
  tokenId: string;
  metadataUrl: string;
  statusCode: number | null;
  body: string | null;
  at: string;
}

/** The tokens of a refresh that failed for one reason. */
export interface ReasonTokens extends Omit<ReasonCount, 'exampleTokenId'> {
  /** Runs of consecutive ids, both ends included, ascending; the first MAX_RUNS, of the first MAX_COUNTED_IDS tokens. */
  runs: { from: string; to: string }[];
  hasAllRuns: boolean;
  example: FailureExample | null;
}

/** What a page reads at most if few refreshes match. */
const MAX_SCANNED = 5000;
const MAX_RUNS = 100;
const MAX_COUNTED_IDS = 10_000;
/** More reasons than anybody reads. */
const MAX_REASONS = 50;

type PositionRow = PagePosition;

/** Lists refreshes of one project or of all, and tells what their pages show. */
@Injectable()
export class RefreshPages {
  /** Tries of a token, the first included. */
  readonly maxAttempts: number;

  constructor(
    private readonly em: EntityManager,
    @Inject(METADATA_REFRESH_CONFIG) config: MetadataRefreshConfig,
  ) {
    this.maxAttempts = config.maxAttempts;
  }

  /** Newest first. */
  async list(scope: ReadScope, query: RefreshPageQuery): Promise<RefreshPage> {
    const { limit, state, triggers = REQUESTED_TRIGGERS } = query;
    const conditions = conditionsOf(scope, query);
    const source =
      state === 'running'
        ? runningOf(triggers, conditions, limit + 1)
        : state === 'with-failures'
          ? sql`(
              select * from ${newestOf(triggers, conditions, MAX_SCANNED)}
              where refresh.failed > 0
              order by refresh.created_at desc, refresh.id desc
              limit ${limit + 1}
            ) as refresh`
          : newestOf(triggers, conditions, limit + 1);
    const { rows } = await sql<ProjectRefresh>`
      select ${refreshColumns}, refresh.project_id as "projectId" from ${source}
      order by refresh.created_at desc, refresh.id desc`.execute(readingFrom(this.em).getKysely());
    const shown = rows.slice(0, limit);
    if (rows.length > limit) return { rows: shown, next: positionOf(shown.at(-1)!) };
    return { rows: shown, next: state === 'with-failures' ? await this.scannedTo(triggers, conditions) : null };
  }

  /** null: there is none, or it is out of the scope. */
  async find(scope: ReadScope, refreshId: string): Promise<ProjectRefresh | null> {
    const { rows } = await sql<ProjectRefresh>`
      select ${refreshColumns}, refresh.project_id as "projectId"
      from nft_metadata.refreshes as refresh
      where refresh.id = ${parseRefreshId(refreshId)}::uuid and ${within(scope)}`.execute(
      readingFrom(this.em).getKysely(),
    );
    return rows[0] ?? null;
  }

  /** The same, in one statement with all that its page shows of it. All its chunks are in one lane. */
  async findDetails(scope: ReadScope, refreshId: string): Promise<DetailedRefresh | null> {
    const { rows } = await sql<DetailRow & Omit<DetailedRefresh, keyof RefreshDetails>>`
      select ${detailColumns}, refresh.project_id as "projectId",
        (
          select lane.host from (
            select lane_id from nft_metadata.refresh_chunks where refresh_id = refresh.id
            order by last_token_id limit 1
          ) as chunk
          join nft_metadata.lanes as lane on lane.id = chunk.lane_id
        ) as host,
        (
          select coalesce(sum(token_count), 0)::int from nft_metadata.refresh_chunks
          where refresh_id = refresh.id and attempt_count > 0
        ) as "tryingAgain",
        (
          select jsonb_build_object('tokenId', token_id::text, 'reason', reason, 'at', ${timestamp('created_at')})
          from nft_metadata.refresh_errors
          where refresh_id = refresh.id and refresh.failed > 0
          order by created_at, id
          limit 1
        ) as "firstFailure"
      from nft_metadata.refreshes as refresh
      where refresh.id = ${parseRefreshId(refreshId)}::uuid and ${within(scope)}`.execute(
      readingFrom(this.em).getKysely(),
    );
    return rows[0] ? toDetails(rows[0]) : null;
  }

  /** Why tokens of a refresh failed, the most frequent reason first. Reads up to 10,000 failures of each reason. */
  async listReasons(refreshId: string): Promise<ReasonTokens[]> {
    const ofReason = sql`
      select token_id from (
        select token_id, error_code from nft_metadata.refresh_errors
        where refresh_id = ${refreshId}::uuid
          and (reason, token_id) > (frequent.reason, -1::numeric) and reason <= frequent.reason
        order by reason, token_id
        limit ${MAX_COUNTED_IDS}
      ) as error
      where error_code = frequent.error_code`;
    const { rows } = await sql<Omit<ReasonTokens, 'advice' | 'hasAllRuns'> & { runCount: number; counted: number }>`
      select frequent.error_code as "errorCode", frequent.reason, frequent.count, run.runs, run.count as "runCount",
        run.tokens as counted, example.failure as example
      from (
        select * from nft_metadata.refresh_reasons
        where refresh_id = ${refreshId}::uuid
        order by count desc, error_code, reason
        limit ${MAX_REASONS}
      ) as frequent
      cross join lateral (
        select count(*)::int as count, coalesce(sum(tokens), 0)::int as tokens,
          coalesce(
            jsonb_agg(jsonb_build_object('from', first::text, 'to', last::text) order by first)
              filter (where place <= ${MAX_RUNS}),
            '[]'
          ) as runs
        from (
          select min(token_id) as first, max(token_id) as last, count(*) as tokens,
            row_number() over (order by min(token_id)) as place
          from (select token_id, token_id - row_number() over (order by token_id) as run from (${ofReason}) as failed) as placed
          group by run
        ) as runs
      ) as run
      left join lateral (
        select jsonb_build_object(
          'tokenId', token_id::text, 'metadataUrl', metadata_url, 'statusCode', status_code, 'body', body,
          'at', ${timestamp('created_at')}
        ) as failure
        from nft_metadata.refresh_errors
        where refresh_id = ${refreshId}::uuid and token_id = frequent.example_token_id
      ) as example on true
      order by frequent.count desc, frequent.error_code, frequent.reason`.execute(readingFrom(this.em).getKysely());
    return rows.map(({ runCount, counted, ...row }) => ({
      ...row,
      advice: adviceFor(row.errorCode, row.reason),
      hasAllRuns: runCount <= MAX_RUNS && counted >= row.count,
    }));
  }

  /** A page that found too few has read as much as it may, or everything. */
  private async scannedTo(
    triggers: readonly RefreshTrigger[],
    conditions: readonly RawBuilder<unknown>[],
  ): Promise<PagePosition | null> {
    const { rows } = await sql<PositionRow>`
      select refresh.id, ${timestamp('refresh.created_at')} as "createdAt"
      from ${newestOf(triggers, conditions, MAX_SCANNED)}
      order by refresh.created_at desc, refresh.id desc
      offset ${MAX_SCANNED - 1} limit 1`.execute(readingFrom(this.em).getKysely());
    return rows[0] ?? null;
  }
}

function positionOf({ createdAt, id }: PositionRow): PagePosition {
  return { createdAt, id };
}

function within(scope: ReadScope): RawBuilder<unknown> {
  const projectId = projectIdOf(scope);
  return projectId === null ? sql`true` : sql`refresh.project_id = ${projectId}`;
}

function conditionsOf(
  scope: ReadScope,
  { projectId, collection, state, after }: RefreshPageQuery,
): RawBuilder<unknown>[] {
  return [
    within(scope),
    ...(projectId === undefined ? [] : [sql`refresh.project_id = ${projectId}`]),
    // The first two are for the index; an address can be registered again, after a removal.
    ...(collection
      ? [
          sql`refresh.project_id = ${collection.projectId} and refresh.collection_address = ${collection.address}`,
          sql`refresh.collection_id = ${collection.id}::uuid`,
        ]
      : []),
    ...(state === 'done' ? [sql`refresh.completed_at is not null`] : []),
    ...(after ? [sql`(refresh.created_at, refresh.id) < (${after.createdAt}::timestamptz, ${after.id}::uuid)`] : []),
  ];
}

/** The newest that are not completed, as `refresh`: few, whatever their project. */
function runningOf(
  triggers: readonly RefreshTrigger[],
  conditions: readonly RawBuilder<unknown>[],
  limit: number,
): RawBuilder<unknown> {
  return sql`(
    select * from nft_metadata.refreshes as refresh
    where refresh.completed_at is null and ${sql.join(conditions, sql` and `)}
      and refresh.trigger = any(${[...triggers]}::text[])
    order by refresh.created_at desc, refresh.id desc
    limit ${limit}
  ) as refresh`;
}
