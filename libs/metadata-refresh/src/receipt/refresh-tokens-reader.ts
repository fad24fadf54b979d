import { EntityManager } from '@mikro-orm/postgresql';
import { inReadTransaction, timestamp } from '@app/database';
import { VersionStore, type VersionChange } from '@app/token-store';
import { Injectable } from '@nestjs/common';
import { sql, type RawBuilder } from 'kysely';
import { CHUNK_SIZE } from '../queue/claim-plan.js';
import type { Refresh } from './refresh-reader.js';
import { isReasonOf, type RefreshErrorCode } from '../refresh-reason.js';
import { verdictName, VERDICTS, type Verdict, type VerdictName } from '../verdict.js';

/** How a token of a refresh ended; `pending`: it has not. */
export type TokenState = VerdictName | 'pending';

/** What became of one token of a refresh. Times are RFC 3339 in UTC, with microseconds. */
export interface RefreshToken {
  tokenId: string;
  verdict: TokenState;
  /** Tries so far. A token without a fetch of its own has none. */
  attempts: number;
  finishedAt: string | null;
  /** The version of the record that the result is about. null: pending, failed or cancelled. */
  metadataVersion: number | null;
  /** What changed, with the verdict `updated`: null when it is not known, because the store keeps no versions. */
  change: Pick<VersionChange, 'changedFields' | 'traitsAdded' | 'traitsRemoved' | 'hasAllTraits'> | null;
  /** null, also in the next three, unless it failed. */
  errorCode: RefreshErrorCode | null;
  reason: string | null;
  statusCode: number | null;
  /** The URL that was requested. Empty: none was. */
  metadataUrl: string | null;
  /** While it waits for another try. */
  nextAttemptAt: string | null;
}

/** Selects tokens of a refresh. All filters have to match. */
export interface RefreshTokenFilter {
  verdict?: TokenState | undefined;
  errorCode?: RefreshErrorCode | undefined;
  reason?: string | undefined;
  tokenId?: string | undefined;
}

/** A page of the tokens of a refresh, in the order of their ids. */
export interface RefreshTokenPage {
  rows: RefreshToken[];
  /** Where the next page starts: pass it as `after`. A page can be short, even empty, and not be the last. null: it is the last. */
  next: string | null;
}

export type RefreshTokenQuery = RefreshTokenFilter & {
  /** Tokens of a page. */
  limit: number;
  /** Only tokens with a greater id. */
  after?: string | undefined;
};

/** What one page reads at most, if few rows match its filter. */
const MAX_SCANNED_ROWS = 20_000;
/** Rows of a page when all are read. */
const STREAM_PAGE_SIZE = 1000;
/** Verdicts that `refresh_results_verdict` leaves out: most rows have one of them. */
const UNINDEXED: readonly TokenState[] = ['updated', 'unchanged'];
/** Less than every token id. */
const BEFORE_ALL = '-1';

interface TokenRow extends Omit<RefreshToken, 'verdict' | 'change'> {
  verdict: Verdict | null;
}

/** The tokens that a statement reads, in the order of their ids. */
interface Source {
  /** Up to `limit` tokens: token_id, verdict, attempts, finished_at, metadata_version, next_attempt_at. */
  page: RawBuilder<unknown>;
  /** The last row that the page may have read, if it has read as much as it may. */
  scannedTo: RawBuilder<unknown>;
}

/**
 * Reads what became of each token of a refresh: results of tokens that ended, and chunks of those that are pending. One statement
 * reads both, so a token that a worker completes meanwhile is in one of them. Pages follow each other by token id, and a token
 * keeps its place: it is never listed twice.
 */
@Injectable()
export class RefreshTokensReader {
  constructor(
    private readonly em: EntityManager,
    private readonly versions: VersionStore,
  ) {}

  async page(refresh: Refresh, { limit, after = BEFORE_ALL, ...filter }: RefreshTokenQuery): Promise<RefreshTokenPage> {
    const range = new TokenRange(refresh.id, after, filter.tokenId, limit + 1);
    const source = sourceOf(filter, range);
    if (!source) return { rows: [], next: null };
    const rows = await this.read(refresh.id, source, limit);
    const found = rows.filter(({ tokenId }) => tokenId !== null);
    const shown = await this.withChanges(refresh, found.slice(0, limit));
    return { rows: shown, next: found.length > limit ? shown.at(-1)!.tokenId : (rows[0]?.scannedTo ?? null) };
  }

  /** These tokens, in the order of their ids; those that the refresh does not have are left out. At most 1,000. */
  async pick(refresh: Pick<Refresh, 'id' | 'collectionId'>, tokenIds: readonly string[]): Promise<RefreshToken[]> {
    if (tokenIds.length === 0) return [];
    const rows = await this.read(refresh.id, complete(pickedTokens(refresh.id, tokenIds)), tokenIds.length);
    return this.withChanges(
      refresh,
      rows.filter(({ tokenId }) => tokenId !== null),
    );
  }

  /** All of them, page by page: memory holds one page. */
  async *pages(
    refresh: Refresh,
    { after, ...filter }: RefreshTokenFilter & { after?: string | undefined },
  ): AsyncGenerator<RefreshToken[]> {
    for (let from = after; ;) {
      const { rows, next } = await this.page(refresh, { ...filter, after: from, limit: STREAM_PAGE_SIZE });
      yield rows;
      if (next === null) return;
      from = next;
    }
  }

  private async read(
    refreshId: string,
    { page, scannedTo }: Source,
    limit: number,
  ): Promise<({ scannedTo: string | null } & TokenRow)[]> {
    return inReadTransaction(this.em, async (em) => {
      // Statistics know nothing of a refresh that was just accepted: the planner would expect few rows, and read and sort all of
      // them for each page.
      await sql`
        select set_config('enable_sort', 'off', true), set_config('enable_bitmapscan', 'off', true),
          set_config('enable_seqscan', 'off', true), set_config('jit', 'off', true)`.execute(em.getKysely());
      const { rows } = await sql<{ scannedTo: string | null } & TokenRow>`
        with page as materialized (${page})
        select token.*, case when (select count(*) from page) <= ${limit} then (${scannedTo})::text end as "scannedTo"
        from (select) as always
        left join (
          select page.token_id::text as "tokenId", page.verdict::text as verdict, page.attempts,
            ${timestamp('page.finished_at')} as "finishedAt", page.metadata_version as "metadataVersion",
            ${timestamp('page.next_attempt_at')} as "nextAttemptAt", error.error_code as "errorCode", error.reason,
            error.status_code as "statusCode", error.metadata_url as "metadataUrl", page.token_id
          from page
          left join lateral (
            -- Two bounds and the order, which only the index of the key has. With "=", the planner may read all errors of the refresh.
            select error_code, reason, status_code, metadata_url from nft_metadata.refresh_errors
            where refresh_id = ${refreshId}::uuid and token_id >= page.token_id and token_id <= page.token_id
              and page.verdict = ${VERDICTS.failed}::"char"
            order by token_id
            limit 1
          ) as error on true
        ) as token on true
        order by token.token_id`.execute(em.getKysely());
      return rows;
    });
  }

  private async withChanges(
    { collectionId }: Pick<Refresh, 'collectionId'>,
    rows: readonly TokenRow[],
  ): Promise<RefreshToken[]> {
    const updated = rows.flatMap(({ tokenId, verdict, metadataVersion: version }) =>
      verdict === VERDICTS.updated && version !== null ? [{ tokenId, version }] : [],
    );
    const changes = await this.versions.findChanges(collectionId, updated);
    const byToken = new Map(changes.map((change) => [change.tokenId, change]));
    return rows.map((row) => {
      const { tokenId, verdict, attempts, finishedAt, metadataVersion, nextAttemptAt } = row;
      const { errorCode, reason, statusCode, metadataUrl } = row;
      return {
        tokenId,
        verdict: verdict === null ? 'pending' : verdictName(verdict),
        attempts,
        finishedAt,
        metadataVersion,
        change: byToken.get(tokenId) ?? null,
        errorCode,
        reason,
        statusCode,
        metadataUrl,
        nextAttemptAt,
      };
    });
  }
}

/** Token ids of one refresh above `after`, or one of them. */
class TokenRange {
  constructor(
    readonly refreshId: string,
    private readonly after: string,
    private readonly tokenId: string | undefined,
    /** Rows to read. */
    readonly limit: number,
  ) {}

  /** As a condition on the columns `refresh_id` and `token_id`. */
  get condition(): RawBuilder<unknown> {
    return sql`refresh_id = ${this.refreshId}::uuid and ${this.onTokenId}`;
  }

  get onTokenId(): RawBuilder<unknown> {
    return sql`token_id > ${this.after}::numeric ${this.isOne}`;
  }

  /** For the index on (refresh_id, reason, token_id): with "reason =", the planner may read the errors of all other reasons too. */
  ofReason(reason: string): RawBuilder<unknown> {
    return sql`
      refresh_id = ${this.refreshId}::uuid and (reason, token_id) > (${reason}, ${this.after}::numeric)
        and reason <= ${reason} ${this.isOne}`;
  }

  private get isOne(): RawBuilder<unknown> {
    return this.tokenId === undefined ? sql`` : sql`and token_id = ${this.tokenId}::numeric`;
  }

  /** Chunks end at their last token: one that ends before has none of these. */
  get first(): string {
    const before = this.tokenId === undefined ? this.after : (BigInt(this.tokenId) - 1n).toString();
    return BigInt(before) > BigInt(this.after) ? before : this.after;
  }
}

/** null: the filters exclude each other. */
function sourceOf({ verdict, errorCode, reason }: RefreshTokenFilter, range: TokenRange): Source | null {
  if (errorCode !== undefined || reason !== undefined) {
    const isPossible = errorCode === undefined || reason === undefined || isReasonOf(errorCode, reason);
    const isFailed = verdict === undefined || verdict === 'failed';
    return isFailed && isPossible ? failedTokens({ errorCode, reason }, range) : null;
  }
  if (verdict === 'pending') return complete(pendingTokens(range));
  if (verdict === undefined) return complete(allTokens(range));
  if (UNINDEXED.includes(verdict)) return scannedResults(VERDICTS[verdict], range);
  return complete(results(range, sql`and verdict = ${VERDICTS[verdict]}::"char"`));
}

/** A page that reads no rows in vain. */
function complete(page: RawBuilder<unknown>): Source {
  return { page, scannedTo: sql`null` };
}

function allTokens(range: TokenRange): RawBuilder<unknown> {
  return sql`
    select * from (
      select * from (${results(range)}) as result
      union all
      select * from (${pendingTokens(range)}) as pending
    ) as token
    order by token_id
    limit ${range.limit}`;
}

/** By their ids. Of the chunks that can have a pending one, as many are read as `pendingTokens` reads at most. */
function pickedTokens(refreshId: string, tokenIds: readonly string[]): RawBuilder<unknown> {
  return sql`
    select coalesce(result.token_id, pending.token_id) as token_id, result.verdict,
      coalesce(result.attempts, pending.attempts) as attempts, result.finished_at, result.metadata_version,
      pending.next_attempt_at
    from unnest(${tokenIds}::numeric[]) as wanted (token_id)
    left join lateral (
      select ${resultColumns} from nft_metadata.refresh_results
      where refresh_id = ${refreshId}::uuid and token_id = wanted.token_id
      limit 1
    ) as result on true
    left join lateral (
      select wanted.token_id, attempt_count as attempts, ${nextAttemptAt} as next_attempt_at
      from (
        -- Here, and not as a condition of the join: that would be checked after the chunks have been read.
        select * from nft_metadata.refresh_chunks
        where result.token_id is null and refresh_id = ${refreshId}::uuid and last_token_id >= wanted.token_id
        order by last_token_id
        limit ${2 * CHUNK_SIZE + 1}
      ) as next
      where first_token_id <= wanted.token_id and wanted.token_id = any(token_ids)
      limit 1
    ) as pending on true
    where result.token_id is not null or pending.token_id is not null`;
}

/** When a pending token is tried again; null: it was not tried yet, or is being fetched. */
const nextAttemptAt = sql`
  case when attempt_count > 0 and not is_claimed and not is_paused and due_at > now() then due_at end`;

const resultColumns = sql`
  token_id, verdict, attempts, finished_at, metadata_version, null::timestamptz as next_attempt_at`;

function results(range: TokenRange, condition = sql``): RawBuilder<unknown> {
  return sql`
    select ${resultColumns} from nft_metadata.refresh_results
    where ${range.condition} ${condition}
    order by token_id
    limit ${range.limit}`;
}

function scannedResults(verdict: Verdict, range: TokenRange): Source {
  const scan = sql`from nft_metadata.refresh_results where ${range.condition} order by token_id`;
  return {
    page: sql`
      select ${resultColumns} from (select * ${scan} limit ${MAX_SCANNED_ROWS}::int) as scanned
      where verdict = ${verdict}::"char"
      order by token_id
      limit ${range.limit}`,
    scannedTo: lastOf(scan),
  };
}

function failedTokens(
  { errorCode, reason }: Pick<RefreshTokenFilter, 'errorCode' | 'reason'>,
  range: TokenRange,
): Source {
  const scan =
    reason === undefined
      ? sql`from nft_metadata.refresh_errors where ${range.condition} order by token_id`
      : sql`from nft_metadata.refresh_errors where ${range.ofReason(reason)} order by reason, token_id`;
  const ofCode = errorCode === undefined ? sql`true` : sql`error_code = ${errorCode}`;
  return {
    page: sql`
      select result.* from (
        select token_id from (select token_id, error_code ${scan} limit ${MAX_SCANNED_ROWS}::int) as scanned
        where ${ofCode}
        limit ${range.limit}
      ) as error
      cross join lateral (
        select ${resultColumns} from nft_metadata.refresh_results
        where refresh_id = ${range.refreshId}::uuid and token_id = error.token_id
        limit 1
      ) as result`,
    scannedTo: lastOf(scan),
  };
}

function lastOf(scan: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`select token_id ${scan} offset ${MAX_SCANNED_ROWS - 1}::int limit 1`;
}

/**
 * Tokens in chunks. When a refresh is accepted, its chunks divide its tokens by their ids, and each later chunk is a part of one of
 * those: so chunks that overlap have CHUNK_SIZE tokens in all. Chunks are read in the order of their last token until they have the
 * tokens of the page, and two times CHUNK_SIZE more: some at the beginning may be before the page, and others that end later may
 * have tokens of it.
 */
function pendingTokens(range: TokenRange): RawBuilder<unknown> {
  const enough = range.limit + 2 * CHUNK_SIZE;
  return sql`
    select token_id, null::"char" as verdict, attempt_count as attempts, null::timestamptz as finished_at,
      null::int as metadata_version, ${nextAttemptAt} as next_attempt_at
    from (
      select *, sum(token_count) over (order by last_token_id rows unbounded preceding) - token_count as tokens_before
      from (
        select * from nft_metadata.refresh_chunks
        where refresh_id = ${range.refreshId}::uuid and last_token_id > ${range.first}::numeric
        order by last_token_id
        limit ${enough}
      ) as next
    ) as chunk
    cross join lateral unnest(token_ids) as token (token_id)
    where tokens_before < ${enough} and ${range.onTokenId}
    order by token_id
    limit ${range.limit}`;
}
