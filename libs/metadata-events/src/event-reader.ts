import { EntityManager } from '@mikro-orm/postgresql';
import type { RecordedCompletion, RefreshTrigger } from '@app/metadata-refresh';
import { Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import { END_OF_POSITION, type EventOffset } from './event-cursors.js';
import type { MetadataEvent, MetadataEventType } from './metadata-event.js';

export interface EventFilter {
  types: readonly MetadataEventType[];
  /** Of the completed refreshes, only those with one of these triggers. */
  triggers: readonly RefreshTrigger[];
  /** Only events of this project's collections. */
  projectId?: string;
  /** Maximum number of events. */
  limit: number;
}

export interface EventPage {
  events: { event: MetadataEvent; offset: EventOffset }[];
  /** All matching events up to here are in the page; null: the stream has nothing behind the offset. */
  readTo: EventOffset | null;
}

interface EventRow {
  readTo: string | null;
  position: string | null;
  eventIndex: number;
  id: string;
  type: MetadataEventType;
  occurredAt: Date | string;
  projectId: string;
  chainId: string;
  collectionAddress: string;
  data: object;
}

/** What one statement scans, before it filters: at most this many rows of the outbox, and this many events or one row. */
const MAX_SCANNED_ROWS = 100;
const MAX_SCANNED_EVENTS = 1000;

/** Reads published events, in order of position. */
@Injectable()
export class EventReader {
  constructor(private readonly em: EntityManager) {}

  async read(after: EventOffset, { types, triggers, projectId, limit }: EventFilter): Promise<EventPage> {
    // Skip a position that is read completely: it might use up all that the statement scans.
    const from = after.eventIndex === END_OF_POSITION ? BigInt(after.position) + 1n : after.position;
    const { rows } = await sql<EventRow>`
      with last as materialized (
        -- A reader whose next events were all deleted by retention goes to the end of the stream.
        select coalesce(
          max(position),
          (select last_position from nft_metadata.event_stream where last_position >= ${from}::bigint)
        ) as position
        from (
          select position, sum(event_count) over (order by position) - event_count as events_before from (
            select position, event_count from nft_metadata.event_outbox
            where position >= ${from}::bigint order by position limit ${MAX_SCANNED_ROWS}
          ) as next
        ) as counted
        where events_before < ${MAX_SCANNED_EVENTS}
      )
      select last.position as "readTo", event.position, event.event_index as "eventIndex", event.event_id as id,
        event.event_type as type, event.occurred_at as "occurredAt", event.project_id as "projectId",
        event.chain_id as "chainId", event.collection_address as "collectionAddress", event.data
      from last left join lateral (
        select * from nft_metadata.events
        where position between ${from}::bigint and last.position
          and (position, event_index) > (${after.position}::bigint, ${after.eventIndex}::int)
          and event_type = any(${types}::text[])
          and (event_type <> 'refresh.completed' or coalesce(data->>'trigger', 'api') = any(${triggers}::text[]))
          and (${projectId ?? null}::text is null or project_id = ${projectId ?? null}::text)
        order by position, event_index
        limit ${limit}
      ) as event on true
      order by event.position, event.event_index`.execute(this.em.fork().getKysely());

    const events = rows.filter(isEvent).map((row) => ({ event: toEvent(row), offset: offsetOf(row) }));
    const readTo = rows[0]?.readTo ?? null;
    if (events.length === limit) return { events, readTo: events.at(-1)!.offset };
    return { events, readTo: readTo === null ? null : { position: readTo, eventIndex: END_OF_POSITION } };
  }
}

function isEvent(row: EventRow): row is EventRow & { position: string } {
  return row.position !== null;
}

function offsetOf({ position, eventIndex }: EventRow & { position: string }): EventOffset {
  return { position, eventIndex };
}

function toEvent({ id, type, occurredAt, projectId, chainId, collectionAddress, data }: EventRow): MetadataEvent {
  const occurrence = {
    id,
    type,
    occurredAt: new Date(occurredAt),
    projectId,
    chainId: Number(chainId),
    collectionAddress,
  };
  const details = type === 'refresh.completed' ? withCounts(data as RecordedCompletion) : data;
  return { ...details, ...occurrence } as MetadataEvent;
}

/** A process of the previous release writes neither the trigger nor what the counts became since. */
function withCounts(data: RecordedCompletion): RecordedCompletion {
  const { succeeded, failed } = data;
  const verdicts = { updated: succeeded, unchanged: 0, superseded: 0, held: 0, staged: 0, failed, cancelled: 0 };
  const absent = { trigger: 'api', cancelled: 0, verdicts };
  return { ...absent, ...data };
}
