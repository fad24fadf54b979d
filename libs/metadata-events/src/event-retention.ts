import { EntityManager } from '@mikro-orm/postgresql';
import { Inject, Injectable } from '@nestjs/common';
import { sql, type RawBuilder } from 'kysely';
import { METADATA_EVENTS_CONFIG, type MetadataEventsConfig } from './metadata-events.options.js';

/** Rows of the outbox that one statement removes, each with up to 500 changes. */
const EVENT_ROWS_AT_ONCE = 100;
/** Deliveries that one statement removes. */
const DELIVERIES_AT_ONCE = 5000;

/** Removes old events, delivered or not, and what was posted to webhooks, so that tables stop growing. */
@Injectable()
export class EventRetention {
  constructor(
    private readonly em: EntityManager,
    @Inject(METADATA_EVENTS_CONFIG) private readonly config: MetadataEventsConfig,
  ) {}

  /** Returns how many rows were removed. Any number of processes may do so at once. */
  async deleteExpired(): Promise<{ events: number; deliveries: number }> {
    return { events: await this.removeEvents(), deliveries: await this.removeDeliveries() };
  }

  /** Ids are nearly in order of time, so the oldest are among the first. */
  private async removeEvents(): Promise<number> {
    return this.removeInBatches(
      EVENT_ROWS_AT_ONCE,
      sql`
        delete from nft_metadata.event_outbox where id = any(array(
          select id from (
            select id, occurred_at from nft_metadata.event_outbox
            order by id
            limit ${EVENT_ROWS_AT_ONCE}
            for update skip locked
          ) as oldest
          where occurred_at < now() - ${this.config.eventRetentionDays} * interval '1 day'
        ))`,
    );
  }

  private async removeDeliveries(): Promise<number> {
    return this.removeInBatches(
      DELIVERIES_AT_ONCE,
      sql`
        delete from nft_metadata.webhook_deliveries where id = any(array(
          select id from (
            select id, attempted_at from nft_metadata.webhook_deliveries
            order by id
            limit ${DELIVERIES_AT_ONCE}
            for update skip locked
          ) as oldest
          where attempted_at < now() - ${this.config.deliveryRetentionDays} * interval '1 day'
        ))`,
    );
  }

  /** `statement` removes `atOnce` rows at most; fewer are the last ones. */
  private async removeInBatches(atOnce: number, statement: RawBuilder<unknown>): Promise<number> {
    for (let removed = 0; ;) {
      const { numAffectedRows = 0n } = await statement.execute(this.em.fork().getKysely());
      removed += Number(numAffectedRows);
      if (Number(numAffectedRows) < atOnce) return removed;
    }
  }
}
