import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import { END_OF_POSITION } from './event-cursors.js';
import { MetadataEvents } from './metadata-events.js';

/** How far the readers of one kind are: the webhooks that are not disabled, or the consumers of this process. */
export interface ReaderStatus {
  kind: 'consumer' | 'webhook';
  readers: number;
  /** Readers whose last delivery failed. */
  failing: number;
  /** Of the reader that is furthest behind: the rows of the outbox that it has not received, and the age of the oldest of them. */
  rowsBehind: number;
  secondsBehind: number;
}

/** What waits in the outbox, as all processes share it. */
export interface EventStatus {
  /** Rows that are committed and not published; 10,000 at most. */
  unpublished: number;
  /** The age of the oldest of them; 0 without any. */
  unpublishedSeconds: number;
  readers: ReaderStatus[];
}

const MAX_COUNTED = 10_000;

/** Reads how far events are delivered, for metrics. */
@Injectable()
export class EventStatusReader {
  constructor(
    private readonly em: EntityManager,
    private readonly consumers: MetadataEvents,
  ) {}

  async read(): Promise<EventStatus> {
    const [outbox, readers] = await Promise.all([this.readOutbox(), this.readReaders()]);
    return { ...outbox, readers };
  }

  private async readOutbox(): Promise<Omit<EventStatus, 'readers'>> {
    const { rows } = await sql<Omit<EventStatus, 'readers'>>`
      select (
          select count(*)::int
          from (select from nft_metadata.event_outbox where position is null limit ${MAX_COUNTED}) as unpublished
        ) as unpublished,
        coalesce((
          select greatest(0, extract(epoch from now() - occurred_at))::float8
          from nft_metadata.event_outbox where position is null order by id limit 1
        ), 0) as "unpublishedSeconds"`.execute(this.em.fork().getKysely());
    return rows[0]!;
  }

  /** Without disabled webhooks, and without consumers that no longer exist. */
  private async readReaders(): Promise<ReaderStatus[]> {
    const { rows } = await sql<ReaderStatus>`
      with reader as (
        select cursor.kind, cursor.failures,
          -- The last row that it has received to the end.
          cursor.position - (cursor.event_index < ${END_OF_POSITION}::int)::int as position
        from nft_metadata.event_cursors as cursor
        where (cursor.kind = 'consumer' and cursor.name = any(${this.consumers.names}::text[]))
          or (cursor.kind = 'webhook' and cursor.due_at < 'infinity')
      ), furthest as (
        select kind, count(*)::int as readers, (count(*) filter (where failures > 0))::int as failing, min(position) as position
        from reader group by kind
      )
      select kind, readers, failing, (stream.last_position - furthest.position)::float8 as "rowsBehind",
        coalesce((
          select greatest(0, extract(epoch from now() - occurred_at))::float8
          from nft_metadata.event_outbox as outbox where outbox.position > furthest.position order by outbox.position limit 1
        ), 0) as "secondsBehind"
      from furthest cross join nft_metadata.event_stream as stream
      order by kind`.execute(this.em.fork().getKysely());
    return rows;
  }
}
