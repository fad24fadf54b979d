import type { EntityManager } from '@mikro-orm/postgresql';
import { sql } from 'kysely';
import { isSuccess, type Verdict } from './verdict.js';

/** The counts of a refresh after a write. */
export interface RefreshProgress {
  refreshId: string;
  projectId: string;
  collectionId: string;
  total: number;
  succeeded: number;
  failed: number;
  completed: boolean;
}

/**
 * Updates the counters in the transaction that finished the tokens, and completes refreshes without pending tokens. The row with
 * the most contention: lock it as late as possible.
 */
export async function countResults(
  em: EntityManager,
  results: readonly { refreshId: string; verdict: Verdict }[],
): Promise<RefreshProgress[]> {
  const counts = new Map<string, { succeeded: number; failed: number }>();
  for (const { refreshId, verdict } of results) {
    const count = counts.get(refreshId) ?? { succeeded: 0, failed: 0 };
    count[isSuccess(verdict) ? 'succeeded' : 'failed'] += 1;
    counts.set(refreshId, count);
  }
  if (counts.size === 0) return [];
  const ids = [...counts.keys()];
  const { rows } = await sql<RefreshProgress>`
    with locked as (
      -- "no key": a claim that splits a chunk of the refresh does not wait for it.
      select id from nft_metadata.refreshes where id = any(${ids}::uuid[]) order by id for no key update
    )
    update nft_metadata.refreshes as refresh
    set succeeded = refresh.succeeded + count.succeeded,
      failed = refresh.failed + count.failed,
      completed_at = case
        when refresh.succeeded + refresh.failed + count.succeeded + count.failed = refresh.total
        then greatest(now(), refresh.created_at)
      end
    from unnest(
      ${ids}::uuid[],
      ${[...counts.values()].map(({ succeeded }) => succeeded)}::int[],
      ${[...counts.values()].map(({ failed }) => failed)}::int[]
    ) as count (id, succeeded, failed)
    where refresh.id = count.id and refresh.id = any(array(select id from locked))
    returning refresh.id as "refreshId", refresh.project_id as "projectId", refresh.collection_id as "collectionId",
      refresh.total, refresh.succeeded, refresh.failed, refresh.completed_at is not null as completed`.execute(
    em.getKysely(),
  );
  return rows;
}
