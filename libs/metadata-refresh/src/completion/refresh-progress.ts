import type { EntityManager } from '@mikro-orm/postgresql';
import { sql } from 'kysely';
import type { RecordedCompletion } from '../event-outbox.js';
import type { TokenError } from './token-error.js';
import { wakeReveals } from '../reveals/open-reveals.js';
import { moveSpeedWindow } from '../receipt/refresh-speed.js';
import { compareTokenIds } from '../token-id-order.js';
import { NO_VERDICTS, verdictName, type Verdict, type VerdictCounts } from '../verdict.js';

/** The counts of a refresh after a write. */
export interface RefreshProgress extends RecordedCompletion {
  completed: boolean;
  /** The reveal that it stages documents for; null: none. */
  revealId: string | null;
  /** The span that accepted the refresh; null: it is not traced. */
  traceparent: string | null;
  /** Since the acceptance, or since it began if it was scheduled. */
  seconds: number;
}

/** How many tokens of a refresh ended with a verdict, and why they failed. */
export interface ResultCount {
  refreshId: string;
  verdict: Verdict;
  /** 1 when absent. */
  tokens?: number;
  /** With the verdict `failed`: one token and its error. */
  failure?: { tokenId: string; error: Pick<TokenError, 'errorCode' | 'reason'> };
}

/** The counters of a row of `refreshes as refresh`, as verdicts. json: it keeps the order of its keys, for people who read it. */
export const verdictColumns = sql`
  json_build_object(
    'updated', refresh.succeeded - refresh.unchanged - refresh.superseded - refresh.held - refresh.staged,
    'unchanged', refresh.unchanged, 'superseded', refresh.superseded, 'held', refresh.held, 'staged', refresh.staged,
    'failed', refresh.failed, 'cancelled', refresh.cancelled
  ) as verdicts`;

/**
 * Updates the counters in the transaction that finished the tokens, and completes refreshes without pending tokens. The row with
 * the most contention: lock it as late as possible. The reasons of a refresh are locked after it, so they need no order.
 */
export async function countResults(em: EntityManager, results: readonly ResultCount[]): Promise<RefreshProgress[]> {
  const counts = countByRefresh(results);
  if (counts.size === 0) return [];
  const ids = [...counts.keys()];
  const numbers = (name: keyof VerdictCounts) => sql`${[...counts.values()].map((count) => count[name])}::int[]`;
  const { rows } = await sql<RefreshProgress>`
    with locked as (
      -- "no key": a claim that splits a chunk of the refresh does not wait for it.
      select id from nft_metadata.refreshes where id = any(${ids}::uuid[]) order by id for no key update
    ), counted as (
      update nft_metadata.refreshes as refresh
      set succeeded = refresh.succeeded + count.updated + count.unchanged + count.superseded + count.held + count.staged,
        unchanged = refresh.unchanged + count.unchanged,
        superseded = refresh.superseded + count.superseded,
        held = refresh.held + count.held,
        staged = refresh.staged + count.staged,
        failed = refresh.failed + count.failed,
        cancelled = refresh.cancelled + count.cancelled,
        ${moveSpeedWindow(
          sql`count.updated + count.unchanged + count.superseded + count.held + count.staged + count.failed`,
        )},
        completed_at = case
          when refresh.succeeded + refresh.failed + refresh.cancelled + count.updated + count.unchanged + count.superseded
            + count.held + count.staged + count.failed + count.cancelled = refresh.total
          then greatest(now(), refresh.created_at)
        end
      from unnest(
        ${ids}::uuid[], ${numbers('updated')}, ${numbers('unchanged')}, ${numbers('superseded')}, ${numbers('held')},
        ${numbers('staged')}, ${numbers('failed')}, ${numbers('cancelled')}
      ) as count (id, updated, unchanged, superseded, held, staged, failed, cancelled)
      where refresh.id = count.id and refresh.id = any(array(select id from locked))
      returning refresh.*
    ) ${reasonsOf(results)}
    select refresh.id as "refreshId", refresh.project_id as "projectId", refresh.collection_id as "collectionId",
      refresh.trigger, refresh.reveal_id as "revealId", refresh.traceparent,
      refresh.total, refresh.succeeded, refresh.failed, refresh.cancelled, ${verdictColumns},
      refresh.completed_at is not null as completed,
      extract(epoch from now() - coalesce(refresh.begun_at, refresh.created_at))::float8 as seconds
    from counted as refresh`.execute(em.getKysely());
  await wakeReveals(
    em,
    rows.flatMap(({ completed, revealId }) => (completed && revealId !== null ? [revealId] : [])),
  );
  return rows;
}

function countByRefresh(results: readonly ResultCount[]): Map<string, VerdictCounts> {
  const counts = new Map<string, VerdictCounts>();
  for (const { refreshId, verdict, tokens = 1 } of results) {
    let count = counts.get(refreshId);
    if (!count) {
      count = { ...NO_VERDICTS };
      counts.set(refreshId, count);
    }
    count[verdictName(verdict)] += tokens;
  }
  return counts;
}

/** Counts failures by reason. Only for refreshes that `counted` has locked; another transaction may delete a refresh. */
function reasonsOf(results: readonly ResultCount[]) {
  const reasons = new Map<
    string,
    { refreshId: string; errorCode: string; reason: string; count: number; tokenId: string }
  >();
  for (const { refreshId, failure, tokens = 1 } of results) {
    if (!failure) continue;
    const { tokenId, error } = failure;
    const key = JSON.stringify([refreshId, error.errorCode, error.reason]);
    const known = reasons.get(key);
    if (!known) {
      reasons.set(key, { refreshId, errorCode: error.errorCode, reason: error.reason, count: tokens, tokenId });
      continue;
    }
    known.count += tokens;
    if (compareTokenIds(tokenId, known.tokenId) < 0) known.tokenId = tokenId;
  }
  if (reasons.size === 0) return sql``;
  const rows = [...reasons.values()];
  return sql`
    , reasons as (
      insert into nft_metadata.refresh_reasons as known (refresh_id, error_code, reason, count, example_token_id)
      select counted.id, failure.error_code, failure.reason, failure.count, failure.token_id
      from counted
      join unnest(
        ${rows.map(({ refreshId }) => refreshId)}::uuid[], ${rows.map(({ errorCode }) => errorCode)}::text[],
        ${rows.map(({ reason }) => reason)}::text[], ${rows.map(({ count }) => count)}::int[],
        ${rows.map(({ tokenId }) => tokenId)}::numeric[]
      ) as failure (refresh_id, error_code, reason, count, token_id) on failure.refresh_id = counted.id
      on conflict (refresh_id, error_code, reason) do update set count = known.count + excluded.count
    )`;
}
