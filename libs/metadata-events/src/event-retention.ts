import { EntityManager } from '@mikro-orm/postgresql';
import { describeDatabaseError } from '@app/database';
import { ModuleLogger } from '@app/logging';
import { Inject, Injectable } from '@nestjs/common';
import { sql, type RawBuilder } from 'kysely';
import { METADATA_EVENTS_CONFIG, type MetadataEventsConfig } from './metadata-events.options.js';

/** Rows of the outbox that one statement deletes, each with up to 500 changes. */
const EVENT_BATCH_SIZE = 100;
/** Deliveries that one statement deletes. */
const DELIVERY_BATCH_SIZE = 5000;

/** The retention of this module: deletes expired events, delivered or not, and expired webhook deliveries. */
@Injectable()
export class EventRetention {
  private readonly logger = new ModuleLogger('MetadataEvents');

  constructor(
    private readonly em: EntityManager,
    @Inject(METADATA_EVENTS_CONFIG) private readonly config: MetadataEventsConfig,
  ) {}

  /** Returns the number of deleted rows. Several processes may delete at the same time. */
  async deleteExpired(): Promise<{ events: number; deliveries: number }> {
    return { events: await this.deleteEvents(), deliveries: await this.deleteDeliveries() };
  }

  /** For a schedule: `deleteExpired`, but logs what was deleted, or why nothing was, and does not throw. */
  async run(): Promise<void> {
    try {
      const deleted = await this.deleteExpired();
      if (deleted.events + deleted.deliveries > 0) this.logger.log({ msg: 'expired events deleted', ...deleted });
    } catch (error) {
      this.logger.warn({
        msg: 'expired events not deleted; the next try is in an hour',
        error: describeDatabaseError(error),
      });
    }
  }

  /** Ids increase nearly with time: the oldest rows are among the first, and no index on occurred_at is needed. */
  private async deleteEvents(): Promise<number> {
    return this.deleteInBatches(
      EVENT_BATCH_SIZE,
      sql`
        delete from nft_metadata.event_outbox where id = any(array(
          select id from (
            select id, occurred_at from nft_metadata.event_outbox
            order by id
            limit ${EVENT_BATCH_SIZE}
            for update skip locked
          ) as oldest
          where occurred_at < now() - ${this.config.eventRetentionDays} * interval '1 day'
        ))`,
    );
  }

  private async deleteDeliveries(): Promise<number> {
    return this.deleteInBatches(
      DELIVERY_BATCH_SIZE,
      sql`
        delete from nft_metadata.webhook_deliveries where id = any(array(
          select id from (
            select id, attempted_at from nft_metadata.webhook_deliveries
            order by id
            limit ${DELIVERY_BATCH_SIZE}
            for update skip locked
          ) as oldest
          where attempted_at < now() - ${this.config.deliveryRetentionDays} * interval '1 day'
        ))`,
    );
  }

  /** `statement` deletes at most `batchSize` rows; fewer mean that no more are expired. */
  private async deleteInBatches(batchSize: number, statement: RawBuilder<unknown>): Promise<number> {
    for (let deleted = 0; ;) {
      const { numAffectedRows = 0n } = await statement.execute(this.em.fork().getKysely());
      deleted += Number(numAffectedRows);
      if (Number(numAffectedRows) < batchSize) return deleted;
    }
  }
}
