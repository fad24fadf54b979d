import type { MetadataLocation } from '@app/metadata-fetch';
import type { Collection, TokenSelection } from '@app/token-store';
import { sql, type RawBuilder } from 'kysely';
import type { StoredSource } from '../queue/refresh-source.js';
import type { RefreshTrigger } from '../refresh-trigger.js';

/** A refresh that is being accepted. */
export interface NewRefresh {
  id: string;
  projectId: string;
  collection: Collection;
  /** The source when the refresh is accepted: a later change of the collection applies to later refreshes. */
  source: MetadataLocation;
  lane: number;
  trigger: RefreshTrigger;
  /** For the trigger `event`: the event. */
  triggerDetail?: object | undefined;
  /** It stages documents for this reveal; absent: it writes records. */
  revealId?: string | undefined;
  /** What was selected; absent: a list of tokens. */
  selection?: TokenSelection | undefined;
  /** The time at which it begins; absent: now. */
  notBefore?: Date | undefined;
  /** The limit of the hour to which it is charged when it begins later; absent: it is not charged then. */
  tokensPerHour?: number | undefined;
  /** The span that accepts it; null: it is not traced. */
  traceparent: string | null;
  priority: Priority;
}

/** The size of a refresh, within its lane: 0 interactive, 1 small, 2 large, 3 low: when nothing else of the lane is due. */
export type Priority = 0 | 1 | 2 | 3;

/** A user may be waiting for so few tokens. */
const INTERACTIVE_TOKENS = 10;
const SMALL_TOKENS = 100;

/** Whether a user may be waiting for the refresh. */
export function isInteractive(tokens: number): boolean {
  return priorityOf(tokens) === 0;
}

/** Within a lane the sizes take turns: small refreshes do not wait behind large ones, nor the reverse. */
export function priorityOf(tokens: number, isLow = false): Priority {
  if (isLow) return 3;
  if (tokens <= INTERACTIVE_TOKENS) return 0;
  return tokens <= SMALL_TOKENS ? 1 : 2;
}

/** The row of a refresh: what is in no queue has neither a lane nor a place to fetch from. */
type RefreshRow = Omit<NewRefresh, 'lane' | 'priority' | 'source'> & { source: StoredSource };

/** Inserts the row of the refresh. `failed` of its tokens are final already. */
export function insertRefresh(refresh: RefreshRow, total: number, failed = 0): RawBuilder<unknown> {
  const {
    id,
    projectId,
    collection,
    source,
    trigger,
    triggerDetail,
    revealId,
    selection,
    notBefore,
    tokensPerHour,
    traceparent,
  } = refresh;
  const beginsAt = notBefore?.toISOString() ?? null;
  return sql`
    insert into nft_metadata.refreshes
      (id, project_id, collection_id, collection_address, source, trigger, trigger_detail, reveal_id, selection, not_before, sweep_due_at,
        tokens_per_hour, total, failed, traceparent, created_at, completed_at)
    values (
      ${id}::uuid, ${projectId}, ${collection.id}::uuid, ${collection.address}, ${JSON.stringify(source)}::jsonb, ${trigger},
      ${triggerDetail ? JSON.stringify(triggerDetail) : null}::jsonb, ${revealId ?? null}::uuid, ${selection ? JSON.stringify(selection) : null}::jsonb,
      ${beginsAt}::timestamptz, ${beginsAt}::timestamptz, ${tokensPerHour ?? null}::int, ${total}::int, ${failed}::int,
      ${traceparent}::text, now(),
      case when ${failed === total}::boolean then now() end
    )`;
}

/** When its chunks are due. */
export function dueAt({ notBefore }: Pick<NewRefresh, 'notBefore'>): RawBuilder<unknown> {
  return notBefore ? sql`${notBefore.toISOString()}::timestamptz` : sql`now()`;
}
