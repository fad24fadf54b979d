import { EntityManager } from '@mikro-orm/postgresql';
import { Inject, Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import { METADATA_EVENTS_CONFIG, type MetadataEventsConfig } from './metadata-events.options.js';

/** The offset of an event in the stream. With the index END_OF_POSITION: behind all events of the position. */
export interface EventOffset {
  position: string;
  eventIndex: number;
}

export const END_OF_POSITION = 2_147_483_647;

/** A reader, claimed for one lease. */
export interface ClaimedCursor {
  kind: 'consumer' | 'webhook';
  name: string;
  /** The last event that it has received. */
  offset: EventOffset;
  /** The fencing token: a process changes nothing after its lease has expired, or after it has ended its claim. */
  claimCount: number;
  /** Consecutive failures before this claim. */
  failures: number;
  /** Seconds since the first of these; 0 without failures. */
  failingSeconds: number;
}

/** Of an update that ends the claim: a renewal that is only written afterwards changes nothing. */
export const CLAIM_ENDS = sql`claim_count = claim_count + 1`;

type CursorRow = Omit<ClaimedCursor, 'offset'> & EventOffset;

/** The offset of every reader, and which process has claimed it. */
@Injectable()
export class EventCursors {
  constructor(
    private readonly em: EntityManager,
    @Inject(METADATA_EVENTS_CONFIG) private readonly config: MetadataEventsConfig,
  ) {}

  /** Creates cursors for new readers, which start with the next event that is published. */
  async open(kind: ClaimedCursor['kind'], names: readonly string[], em: EntityManager = this.em.fork()): Promise<void> {
    if (names.length === 0) return;
    await sql`
      insert into nft_metadata.event_cursors (kind, name, position, event_index)
      select ${kind}, name, last_position, ${END_OF_POSITION}::int
      from unnest(${names}::text[]) as new (name) cross join nft_metadata.event_stream
      on conflict do nothing`.execute(em.getKysely());
  }

  /** Claims readers with events to read: of these consumers and of all webhooks, those that have been due the longest. */
  async claim(consumers: readonly string[], limit: number): Promise<ClaimedCursor[]> {
    const { rows } = await sql<CursorRow>`
      with due as (
        select kind, name from nft_metadata.event_cursors
        where due_at <= now() and (kind = 'webhook' or name = any(${consumers}::text[]))
          and (position, event_index) < (select last_position, ${END_OF_POSITION}::int from nft_metadata.event_stream)
        order by due_at
        limit ${limit}
        for update skip locked
      )
      update nft_metadata.event_cursors as cursor
      set due_at = now() + ${this.config.leaseSeconds} * interval '1 second', claim_count = cursor.claim_count + 1
      from due where cursor.kind = due.kind and cursor.name = due.name
      returning cursor.kind, cursor.name, cursor.position, cursor.event_index as "eventIndex",
        cursor.claim_count as "claimCount", cursor.failures,
        coalesce(extract(epoch from now() - cursor.failing_since), 0)::float8 as "failingSeconds"`.execute(
      this.em.fork().getKysely(),
    );
    return rows.map(({ position, eventIndex, ...cursor }) => ({ ...cursor, offset: { position, eventIndex } }));
  }

  /** Extends the lease. False: another process has claimed the cursor since. */
  async renew(cursor: ClaimedCursor): Promise<boolean> {
    return this.update(cursor, sql`due_at = now() + ${this.config.leaseSeconds} * interval '1 second'`);
  }

  /** Saves the offset and extends the lease. False: another process has claimed the cursor, and delivers the events again. */
  async advance(cursor: ClaimedCursor, offset: EventOffset): Promise<boolean> {
    return this.update(
      cursor,
      sql`position = ${offset.position}::bigint, event_index = ${offset.eventIndex}, failures = 0, failing_since = null,
        last_error = null, due_at = now() + ${this.config.leaseSeconds} * interval '1 second'`,
    );
  }

  async release(cursor: ClaimedCursor): Promise<void> {
    await this.update(cursor, sql`due_at = now(), ${CLAIM_ENDS}`);
  }

  /** Retries the same events after a delay. */
  async postpone(cursor: ClaimedCursor, seconds: number, error: string): Promise<void> {
    await this.update(
      cursor,
      sql`due_at = now() + ${seconds} * interval '1 second', failures = failures + 1,
        failing_since = coalesce(failing_since, now()), last_error = ${error}, ${CLAIM_ENDS}`,
    );
  }

  private async update({ kind, name, claimCount }: ClaimedCursor, set: ReturnType<typeof sql>): Promise<boolean> {
    const { numAffectedRows } = await sql`
      update nft_metadata.event_cursors set ${set}
      where kind = ${kind} and name = ${name} and claim_count = ${claimCount}`.execute(this.em.fork().getKysely());
    return numAffectedRows === 1n;
  }
}
