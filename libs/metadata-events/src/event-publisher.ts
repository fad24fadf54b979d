import { EntityManager } from '@mikro-orm/postgresql';
import { inTransaction } from '@app/database';
import { Injectable } from '@nestjs/common';
import { sql } from 'kysely';

/** The channel on which other processes hear of new events. The payload is the last position that can be read. */
export const EVENT_CHANNEL = 'nft_metadata_events';

/** Rows that one transaction publishes. */
const AT_ONCE = 1000;

/**
 * Gives committed rows of the outbox their position, in the order of their ids. A reader that goes by position skips
 * nothing: positions are handed out one transaction after the other, to rows that are there for everybody. Of two changes
 * of one token the earlier has the smaller id, because both hold the token's lock when they draw it, and is committed
 * when the later one draws its own. Long transactions of others hold nothing up.
 */
@Injectable()
export class EventPublisher {
  constructor(private readonly em: EntityManager) {}

  /** Any number of processes may do so at once. NOTIFY is here, and not where things happen: it makes commits wait for each other. */
  async publish(): Promise<void> {
    while (await this.hasWaiting()) {
      // That were all; what is committed meanwhile is announced by whoever commits it.
      if ((await this.publishWaiting()) < AT_ONCE) return;
    }
  }

  /** Returns how many rows there were, AT_ONCE at most. */
  private async publishWaiting(): Promise<number> {
    return inTransaction(this.em, async (em) => {
      // In a statement of its own: the next one then sees what the process before has published.
      await sql`select from nft_metadata.event_stream for update`.execute(em.getKysely());
      const { rows } = await sql<{ published: number }>`
        with waiting as (
          select id, row_number() over (order by id) as place
          from nft_metadata.event_outbox where position is null order by id limit ${AT_ONCE}
        ), published as (
          update nft_metadata.event_outbox as outbox
          set position = (select last_position from nft_metadata.event_stream) + waiting.place
          from waiting where outbox.id = waiting.id
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

  private async hasWaiting(): Promise<boolean> {
    const { rows } = await sql`
      select from nft_metadata.event_outbox where position is null limit 1`.execute(this.em.fork().getKysely());
    return rows.length > 0;
  }
}
