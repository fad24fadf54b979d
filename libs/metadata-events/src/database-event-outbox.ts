import type { EntityManager } from '@mikro-orm/postgresql';
import { EventOutbox } from '@app/metadata-refresh';
import { Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import { EventDelivery } from './event-delivery.js';

/** Writes the events of a transaction into the outbox, as one row of the same transaction. */
@Injectable()
export class DatabaseEventOutbox extends EventOutbox {
  constructor(private readonly delivery: EventDelivery) {
    super();
  }

  override async add(
    em: EntityManager,
    { changes = [], completions = [], collections = [], reveals = [] }: Parameters<EventOutbox['add']>[1],
  ): Promise<void> {
    const eventCount = changes.length + completions.length + collections.length + reveals.length;
    if (eventCount === 0) return;
    const completed = completions.map(
      ({ refreshId, projectId, collectionId, trigger, total, succeeded, failed, cancelled, verdicts }) => ({
        refreshId,
        projectId,
        collectionId,
        trigger,
        total,
        succeeded,
        failed,
        cancelled,
        verdicts,
      }),
    );
    await sql`
      insert into nft_metadata.event_outbox (occurred_at, changes, completions, collections, reveals, event_count)
      values (
        now(), ${JSON.stringify(changes)}::json, ${JSON.stringify(completed)}::json, ${JSON.stringify(collections)}::json,
        ${JSON.stringify(reveals)}::json, ${eventCount}
      )`.execute(em.getKysely());
  }

  override announce(): void {
    this.delivery.wake();
  }
}
