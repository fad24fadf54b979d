import { EntityManager } from '@mikro-orm/postgresql';
import { inTransaction } from '@app/database';
import { Injectable } from '@nestjs/common';
import { sql } from 'kysely';

/** The NOTIFY channel for new events. The payload is the last position that is published. */
export const EVENT_CHANNEL = 'nft_metadata_events';

/** Rows that one transaction publishes. */
const PUBLISH_BATCH_SIZE = 1000;

/**
 * Assigns positions to committed rows of the outbox, in the order of their ids. A reader that goes by position misses
 * nothing: positions are assigned by one transaction after the other, and only to rows that every session can see. Of two
 * changes of one token the earlier has the smaller id, because both hold the token's lock when they draw it, and is
 * committed before the later one draws its own. Long transactions of other sessions delay nothing.
 */
@Injectable()
export class EventPublisher {
  constructor(private readonly em: EntityManager) {}

  /** Several processes may call it at the same time. NOTIFY is sent here, because it would serialize the writers' commits. */
  async publish(): Promise<void> {
    while (await this.hasUnpublished()) {
      // The last batch. Whoever commits further rows wakes the delivery again.
      if ((await this.publishBatch()) < PUBLISH_BATCH_SIZE) return;
    }
  }

  /** Returns the number of rows, PUBLISH_BATCH_SIZE at most. */
  private async publishBatch(): Promise<number> {
    return inTransaction(this.em, async (em) => {
      // In a statement of its own: the next statement then sees what the previous publisher has committed.
      await sql`select from nft_metadata.event_stream for update`.execute(em.getKysely());
      const { rows } = await sql<{ published: number }>`
        with unpublished as (
          select id, row_number() over (order by id) as index
          from nft_metadata.event_outbox where position is null order by id limit ${PUBLISH_BATCH_SIZE}
        ), published as (
          update nft_metadata.event_outbox as outbox
          set position = (select last_position from nft_metadata.event_stream) + unpublished.index
          from unpublished where outbox.id = unpublished.id
          returning position
        ), stream as (
          update nft_metadata.event_stream set last_position = position
          from (select max(position) as position from published) as last
          where position is not null
          returning last_position
        )
        select pg_notify(${EVENT_CHANNEL}, last_position::text), (select count(*)::int from published) as published
        from stream`.execute(em.getKysely());
      return rows[0]?.published ?? 0;
    });
  }

  private async hasUnpublished(): Promise<boolean> {
    const { rows } = await sql`
      select from nft_metadata.event_outbox where position is null limit 1`.execute(this.em.fork().getKysely());
    return rows.length > 0;
  }
}
