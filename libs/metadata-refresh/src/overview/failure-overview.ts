import { EntityManager } from '@mikro-orm/postgresql';
import { readingFrom, timestamp } from '@app/database';
import { Injectable } from '@nestjs/common';
import { sql, type RawBuilder } from 'kysely';
import type { PagePosition } from '../receipt/page.js';
import { newestOf } from '../receipt/refresh-reader.js';
import type { RefreshErrorCode } from '../refresh-reason.js';
import { REFRESH_TRIGGERS } from '../refresh-trigger.js';
import { projectIdOf, type ReadScope } from './read-scope.js';

/** What failures are grouped by. */
export const FAILURE_GROUPS = ['reason', 'host', 'project', 'collection'] as const;
export type FailureGrouping = (typeof FAILURE_GROUPS)[number];

/** Which failures are read. All filters have to match. */
export interface FailureFilter {
  /** The window: the last seconds until now. */
  seconds: number;
  reason?: string | undefined;
  /** As in lanes. */
  host?: string | undefined;
  /** Beside the scope. */
  projectId?: string | undefined;
  collection?: { id: string; address: string; projectId: string } | undefined;
}

/** Failed tokens with one reason, host, project or collection. */
export interface FailureGroup {
  key: string;
  tokens: number;
  /** That of most of them. */
  errorCode: RefreshErrorCode;
  collectionAddress: string;
  firstAt: string;
  lastAt: string;
  /** Tokens in twelve equal parts of the window, oldest first. */
  trend: number[];
  /** Their hosts, or reasons in a group by host: the three with the most tokens. */
  where: { key: string; tokens: number }[];
  /** The ten with the most of these tokens. */
  refreshes: { id: string; projectId: string; collectionId: string; collectionAddress: string; tokens: number }[];
}

/** The groups with the most tokens. */
export interface FailureGroups {
  /** The window begins here: later than asked for, if not all failures were read. */
  from: string;
  isComplete: boolean;
  tokens: number;
  groups: FailureGroup[];
}

/** One failed token of any refresh. */
export interface FailedToken {
  id: string;
  refreshId: string;
  projectId: string;
  collectionId: string;
  collectionAddress: string;
  tokenId: string;
  errorCode: RefreshErrorCode;
  reason: string;
  statusCode: number | null;
  metadataUrl: string;
  body: string | null;
  at: string;
}

/** A page of failed tokens. */
export interface FailedTokenPage {
  rows: FailedToken[];
  /** Where the next page starts. A page can be short, even empty, and not be the last. null: it is the last. */
  next: PagePosition | null;
}

/** Failures that are read for the groups. */
const MAX_FAILURES = 100_000;
/** The refreshes with the newest failures, and the newest refreshes of a project or collection, that are looked at. */
const MAX_REFRESHES = 5000;
/** Refreshes of all projects that run: more than a deployment has. */
const MAX_RUNNING = 100_000;
/** Failures that a page of tokens reads at most if few match. */
const MAX_SCANNED = 20_000;
const MAX_GROUPS = 100;
const MAX_TARGETS = 10;
const MAX_PLACES = 3;
const PARTS = 12;

/** The host of a refresh as its lane has it. */
const LOCATION = sql`coalesce(source->>'url', source->>'uri', '')`;
const HOST = sql`
  case
    when source->>'kind' = 'chain' then 'chain:' || (source->>'chainId') || '/' || (source->>'address')
    when ${LOCATION} ~* '^https?:' then regexp_replace(
      lower(substring(${LOCATION} from '^[A-Za-z]+:/*([^/?#]*)')),
      case when ${LOCATION} ~* '^https:' then ':443$' else ':80$' end,
      ''
    )
    else lower(substring(${LOCATION} from '^[A-Za-z]*:?'))
  end`;

/**
 * Tells what failed in a window of time, over all refreshes. For operators it reads the newest failures of all; of one project or
 * collection it reads the failures of its newest refreshes, so that its view does not depend on what others have.
 *
 * Failures come in waves, before the tables are analyzed: no statement leaves the planner a choice that depends on statistics. Failures
 * are read in the order of an index, up to a limit that the planner does not know (`hidden`), and nothing is joined in a loop.
 */
@Injectable()
export class FailureOverview {
  constructor(private readonly em: EntityManager) {}

  /** The largest group first. */
  async group(scope: ReadScope, by: FailureGrouping, filter: FailureFilter): Promise<FailureGroups> {
    const failures = isOfAll(scope, filter) ? failuresOfAll(filter) : failuresOfRefreshes(scope, filter);
    // Sorted as bytes: a locale would take several times as long.
    const bytes = (column: string) => sql.raw(`${column} collate "C"`);
    const key = {
      reason: bytes('reason'),
      host: bytes('host'),
      project: bytes('project_id'),
      collection: bytes('collection_id::text'),
    }[by];
    const place = bytes(by === 'host' ? 'reason' : 'host');
    // Of the other groups, nothing is counted, nor joined.
    const isShown = sql`${key} = any(array(select key from grouped))`;
    const trend = Array.from(
      { length: PARTS },
      (_, index) => sql`coalesce(sum(tokens) filter (where part = ${sql.lit(index + 1)}), 0)::int`,
    );
    const { rows } = await sql<FailureGroups>`
      with ${failures}, first_span as materialized (
        ${spanFrom(sql`greatest((select created_at from cut), (select from_at from read), ${since(filter)})`)}
      ), counted as materialized (
        ${cellsIn(sql`first_span`)}
      ), later as materialized (
        select max(last_at) as from_at from counted
        group by refresh_id
        order by from_at desc
        offset ${MAX_REFRESHES} limit 1
      ), span as materialized (
        ${spanFrom(sql`greatest((select from_at from later), (select from_at from first_span))`)}
      ), cell as materialized (
        select * from (
          select * from counted where not exists (select from later)
          union all
          -- Counted again in a shorter window: the first one has failures of too many refreshes.
          select * from (${cellsIn(sql`span`)}) as recounted where exists (select from later)
        ) as known
        where ${matches(sql`reason`, filter.reason)}
      ), failed as materialized (
        select * from (
          select cell.*, refresh.project_id, refresh.collection_id, refresh.collection_address, refresh.host
          from (select distinct refresh_id from cell) as known
          -- "offset 0": by the primary key, one by one, and not by reading all refreshes.
          cross join lateral (
            select project_id, collection_id, collection_address, ${HOST} as host
            from nft_metadata.refreshes where id = known.refresh_id offset 0
          ) as refresh
          -- Each has its cells. "full": by hash or merge. The planner expects few rows of a CTE, and would compare each with each. With
          -- a condition on the host, it would not be a full join any more: "offset 0".
          full join cell using (refresh_id)
          offset 0
        ) as known
        where ${matches(sql`host`, filter.host)}
      ), grouped as materialized (
        select ${key} as key, sum(tokens)::int as tokens, min(first_at) as first_at, max(last_at) as last_at,
          jsonb_build_array(${sql.join(trend)}) as trend, (array_agg(error_code order by tokens desc))[1] as error_code,
          min(collection_address) as collection_address
        from failed
        group by 1
        order by 2 desc, 1
        limit ${MAX_GROUPS}
      ), place as (
        select key, jsonb_agg(jsonb_build_object('key', place, 'tokens', tokens) order by tokens desc, place) as places
        from (
          select ${key} as key, ${place} as place, sum(tokens)::int as tokens,
            row_number() over (partition by ${key} order by sum(tokens) desc, ${place}) as index
          from failed where ${isShown} group by 1, 2
        ) as counted
        where index <= ${MAX_PLACES}
        group by key
      ), target as (
        select key,
          jsonb_agg(
            jsonb_build_object(
              'id', refresh_id, 'projectId', project_id, 'collectionId', collection_id,
              'collectionAddress', collection_address, 'tokens', tokens
            )
            order by tokens desc, refresh_id
          ) as refreshes
        from (
          select ${key} as key, refresh_id, project_id, collection_id, collection_address, sum(tokens)::int as tokens,
            row_number() over (partition by ${key} order by sum(tokens) desc, refresh_id) as index
          from failed where ${isShown} group by 1, 2, failed.project_id, failed.collection_id, failed.collection_address
        ) as counted
        where index <= ${MAX_TARGETS}
        group by key
      )
      select ${timestamp('span.from_at')} as "from",
        read.is_complete and not exists (select from cut) and not exists (select from later) as "isComplete",
        coalesce((select sum(tokens)::int from failed), 0) as tokens,
        coalesce(
          (
            select jsonb_agg(
              jsonb_build_object(
                'key', grouped.key, 'tokens', grouped.tokens, 'errorCode', grouped.error_code,
                'collectionAddress', grouped.collection_address, 'firstAt', ${timestamp('grouped.first_at')},
                'lastAt', ${timestamp('grouped.last_at')}, 'trend', grouped.trend, 'where', place.places,
                'refreshes', target.refreshes
              )
              order by grouped.tokens desc, grouped.key
            )
            from grouped join place using (key) join target using (key)
          ),
          '[]'
        ) as groups
      from span cross join read`.execute(readingFrom(this.em).getKysely());
    return rows[0]!;
  }

  /** Newest first. */
  async listTokens(
    scope: ReadScope,
    filter: FailureFilter,
    { limit, after }: { limit: number; after?: PagePosition | undefined },
  ): Promise<FailedTokenPage> {
    const isScan = isOfAll(scope, filter);
    const { rows } = await sql<FailedToken>`
      ${isScan ? scannedTokens(filter, after, limit + 1) : tokensOfRefreshes(scope, filter, after, limit + 1)}`.execute(
      readingFrom(this.em).getKysely(),
    );
    const shown = rows.slice(0, limit);
    if (rows.length > limit) {
      const { at, id } = shown.at(-1)!;
      return { rows: shown, next: { createdAt: at, id } };
    }
    return { rows: shown, next: isScan ? await this.scannedTo(filter, after) : null };
  }

  /** A page that found too few has read as much as it may, or everything. */
  private async scannedTo(filter: FailureFilter, after: PagePosition | undefined): Promise<PagePosition | null> {
    const { rows } = await sql<PagePosition>`
      ${newestFailures(filter, {
        columns: sql`error.id::text as id, ${timestamp('error.created_at')} as "createdAt"`,
        condition: isAfter(after),
        offset: MAX_SCANNED - 1,
        limit: 1,
      })}`.execute(readingFrom(this.em).getKysely());
    return rows[0] ?? null;
  }
}

/** Whether failures are read by their time, and not by their refresh. */
function isOfAll(scope: ReadScope, { projectId, collection }: FailureFilter): boolean {
  return projectIdOf(scope) === null && projectId === undefined && collection === undefined;
}

/** A subquery: the planner does not know the time, and cannot expect that all failures are older, nor that none is. */
function since({ seconds }: FailureFilter): RawBuilder<unknown> {
  return sql`(select now() - ${seconds} * interval '1 second')`;
}

/**
 * A limit that the planner does not know: it expects to read a tenth, and reads in the order of an index. If it expected fewer rows than
 * the limit, it would read the whole table, and sort it.
 */
function hidden(limit: number): RawBuilder<unknown> {
  return sql`(select ${limit}::int)`;
}

function matches(column: RawBuilder<unknown>, value: string | undefined): RawBuilder<unknown> {
  return value === undefined ? sql`true` : sql`${column} = ${value}`;
}

function isAfter(after: PagePosition | undefined): RawBuilder<unknown> {
  return after ? sql`(error.created_at, error.id) < (${after.createdAt}::timestamptz, ${after.id}::bigint)` : sql`true`;
}

/** A window that begins at `fromAt`, and where its parts begin. */
function spanFrom(fromAt: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`
    select from_at, array(
      select from_at + (now() - from_at) * (part::float8 / ${PARTS}) from generate_series(0, ${PARTS - 1}) as part
    ) as parts
    from (select ${fromAt} as from_at) as known`;
}

/** How many tokens of each refresh failed for each reason in each part of a window. */
function cellsIn(span: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`
    select refresh_id, reason, error_code, width_bucket(created_at, (select parts from ${span})) as part,
      count(*)::int as tokens, min(created_at) as first_at, max(created_at) as last_at
    from recent
    where created_at >= (select from_at from ${span})
    group by refresh_id, reason, error_code, part`;
}

/**
 * The CTEs `recent`, the newest failures of all refreshes, `cut`, the last of these if there may be more, and `read`, whether all
 * refreshes of the window were looked at and, if not, when the first of them was accepted. `cut` is read first, from the index alone: so
 * the failures need not be kept to be counted by their time.
 */
function failuresOfAll(filter: FailureFilter): RawBuilder<unknown> {
  const counted = sql`error.refresh_id, error.reason, error.error_code, error.created_at`;
  return sql`
    cut as materialized (${newestFailures(filter, { columns: sql`error.created_at`, offset: MAX_FAILURES - 1, limit: 1 })}),
    recent as not materialized (${newestFailures(filter, { columns: counted, limit: MAX_FAILURES })}),
    read as (select true as is_complete, null::timestamptz as from_at)`;
}

/** The same of the newest refreshes in the scope. */
function failuresOfRefreshes(scope: ReadScope, filter: FailureFilter): RawBuilder<unknown> {
  const counted = sql`error.refresh_id, error.reason, error.error_code, error.created_at`;
  const notBeforeCut = sql`
    (error.created_at, error.id)
      >= (coalesce((select created_at from cut), '-infinity'), coalesce((select id from cut), 0))`;
  return sql`
    ${refreshesWithFailures(scope, filter)}, cut as materialized (
      select error.* from with_failures
      cross join lateral (
        ${newestOfRefresh(WITH_FAILURES, filter, { columns: sql`error.created_at, error.id`, limit: MAX_FAILURES })}
      ) as error
      where (select sum(failed) from with_failures) >= ${MAX_FAILURES}
      order by error.created_at desc, error.id desc
      offset ${hidden(MAX_FAILURES - 1)} limit ${hidden(1)}
    ), recent as not materialized (
      select error.* from with_failures
      cross join lateral (
        ${newestOfRefresh(WITH_FAILURES, filter, { columns: counted, condition: notBeforeCut, limit: MAX_FAILURES })}
      ) as error
    ), read as (
      select is_complete, case when not is_complete then first_at end as from_at
      from (
        select count(*) < ${MAX_REFRESHES} or min(created_at) < ${since(filter)} as is_complete, min(created_at) as first_at
        from newest
      ) as known
    )`;
}

/** Which of the newest failures, of `error`, are selected. */
interface NewestFailures {
  columns: RawBuilder<unknown>;
  condition?: RawBuilder<unknown>;
  offset?: number;
  limit: number;
}

/** The newest failures of all refreshes in the window. */
export function newestFailures(
  filter: FailureFilter,
  { columns, condition = sql`true`, offset = 0, limit }: NewestFailures,
): RawBuilder<unknown> {
  return sql`
    select ${columns} from nft_metadata.refresh_errors as error
    where error.created_at > ${since(filter)} and ${condition}
    order by error.created_at desc, error.id desc
    offset ${hidden(offset)} limit ${hidden(limit)}`;
}

/** The id of a refresh with failures. */
export const WITH_FAILURES = sql`with_failures.id`;

/**
 * Those of one refresh. Only the index of its failures by time has this order: with "refresh_id =", the planner may
 * read the failures of all refreshes by time, if statistics say that most are of one.
 */
export function newestOfRefresh(
  refreshId: RawBuilder<unknown>,
  filter: FailureFilter,
  { columns, condition = sql`true`, limit }: NewestFailures,
): RawBuilder<unknown> {
  return sql`
    select ${columns} from nft_metadata.refresh_errors as error
    where error.refresh_id = any(array[${refreshId}]) and error.created_at > ${since(filter)} and ${condition}
    order by error.refresh_id, error.created_at desc, error.id desc
    limit ${hidden(limit)}`;
}

/**
 * The CTEs `newest`, the newest refreshes in the scope, and `with_failures`: those with failures in the window, until they have
 * `limit` of them. Those that run come first, then those that have ended last: nothing of the others is newer than their end.
 */
export function refreshesWithFailures(
  scope: ReadScope,
  { seconds, projectId, collection }: FailureFilter,
  limit = MAX_FAILURES,
): RawBuilder<unknown> {
  const ofScope = projectIdOf(scope);
  const conditions = [
    ...(ofScope === null ? [] : [sql`refresh.project_id = ${ofScope}`]),
    ...(projectId === undefined ? [] : [sql`refresh.project_id = ${projectId}`]),
    // The first two are for the index; an address can be registered again, after a removal.
    ...(collection
      ? [
          sql`refresh.project_id = ${collection.projectId} and refresh.collection_address = ${collection.address}`,
          sql`refresh.collection_id = ${collection.id}::uuid`,
        ]
      : []),
  ];
  const columns = sql.raw('refresh.id, refresh.failed, refresh.created_at, refresh.completed_at, refresh.source');
  const inWindow = newestOfRefresh(sql`known.id`, { seconds }, { columns: sql``, limit });
  return sql`
    newest as materialized (select ${columns} from ${newestOf(REFRESH_TRIGGERS, conditions, hidden(MAX_REFRESHES))}),
    with_failures as materialized (
      select id, failed, ${HOST} as host from (
        select *, sum(failed) over (order by completed_at desc nulls first, created_at desc, id desc) - failed as failed_before
        from (
          select id, created_at, completed_at, source,
            -- Most failures of an older refresh may be from before the window. They would keep those of other refreshes out.
            case when created_at > ${since({ seconds })} then failed
              else (select count(*)::int from (${inWindow}) as error) end as failed
          from (
            select * from newest
            union all
            -- An old one can still run.
            select ${columns} from (
              -- Of all projects, first: in the index of those that run, and not among all refreshes of the project.
              select * from nft_metadata.refreshes where completed_at is null
              order by created_at desc, id desc
              limit ${hidden(MAX_RUNNING)}
            ) as refresh
            where refresh.id not in (select id from newest) and ${sql.join(conditions, sql` and `)}
          ) as known
          where failed > 0 and (completed_at is null or completed_at > ${since({ seconds })})
          -- They are counted once.
          offset 0
        ) as failing
      ) as counted
      where failed_before < ${limit}
    )`;
}

const TOKEN_COLUMNS = sql`
  error.id::text as id, error.refresh_id as "refreshId", refresh.project_id as "projectId",
  refresh.collection_id as "collectionId", refresh.collection_address as "collectionAddress",
  error.token_id::text as "tokenId", error.error_code as "errorCode", error.reason, error.status_code as "statusCode",
  error.metadata_url as "metadataUrl", error.body, ${timestamp('error.created_at')} as at`;

/** A part of the newest failures of all refreshes, those that match. Reads no more than it needs. */
function scannedTokens(filter: FailureFilter, after: PagePosition | undefined, limit: number): RawBuilder<unknown> {
  return sql`
    select ${TOKEN_COLUMNS}
    from (
      ${newestFailures(filter, { columns: sql`error.*`, condition: isAfter(after), limit: MAX_SCANNED })}
    ) as error
    cross join lateral (
      select project_id, collection_id, collection_address, ${HOST} as host
      from nft_metadata.refreshes where id = error.refresh_id offset 0
    ) as refresh
    where ${matches(sql`error.reason`, filter.reason)} and ${matches(sql`refresh.host`, filter.host)}
    order by error.created_at desc, error.id desc
    limit ${limit}`;
}

/** The newest failures of the refreshes in the scope that match. */
function tokensOfRefreshes(
  scope: ReadScope,
  filter: FailureFilter,
  after: PagePosition | undefined,
  limit: number,
): RawBuilder<unknown> {
  const condition = sql`${isAfter(after)} and ${matches(sql`error.reason`, filter.reason)}`;
  const ofRefresh = newestOfRefresh(WITH_FAILURES, filter, { columns: sql`error.*`, condition, limit });
  return sql`
    with ${refreshesWithFailures(scope, filter)}
    select ${TOKEN_COLUMNS}
    from (
      select error.*
      from with_failures
      cross join lateral (${ofRefresh}) as error
      where ${matches(sql`with_failures.host`, filter.host)}
      order by error.created_at desc, error.id desc
      limit ${limit}
    ) as error
    join nft_metadata.refreshes as refresh on refresh.id = error.refresh_id
    order by error.created_at desc, error.id desc`;
}
