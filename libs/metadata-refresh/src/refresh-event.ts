import { sql, type RawBuilder } from 'kysely';

/** An event of a contract that caused a refresh. */
export interface RefreshEvent {
  /** What it says, such as `metadata_update`. */
  kind: string;
  chainId: number;
  /** null: no log has caused it, but a gap in what was read of the chain. */
  transactionHash: string | null;
  blockNumber: number;
  /** null without a transaction. */
  logIndex: number | null;
}

/** What is stored of the events that caused a refresh. */
export interface EventTriggerDetail {
  chainId: number;
  /** At least one; the newest one last. */
  events: (Omit<RefreshEvent, 'chainId'> & {
    /** The ranges of token ids that it names, both ends included. */
    tokens: [from: string, to: string][];
  })[];
}

const toEvent = (event: RawBuilder<unknown>) => sql`
  (${event} - 'tokens') || jsonb_build_object('chainId', refresh.trigger_detail->'chainId')`;

/** The newest event that caused it; null for another trigger. For a statement on `refreshes as refresh`. */
export const eventColumn = sql`
  case when refresh.trigger = 'event' then ${toEvent(sql`(refresh.trigger_detail->'events'->-1)`)} end as event`;

/** The newest event of a refresh that names a token. For a statement on `refresh_attempts as entry`. */
export const attemptEventColumn = sql`(
  select ${toEvent(sql`event.value`)}
  from nft_metadata.refreshes as refresh
  cross join lateral jsonb_array_elements(refresh.trigger_detail->'events') with ordinality as event (value, position)
  where refresh.id = entry.refresh_id and refresh.trigger = 'event' and exists (
    select from jsonb_array_elements(event.value->'tokens') as range
    where entry.token_id between (range->>0)::numeric and (range->>1)::numeric
  )
  order by event.position desc
  limit 1
) as event`;
