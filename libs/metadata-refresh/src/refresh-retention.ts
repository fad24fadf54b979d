import { EntityManager } from '@mikro-orm/postgresql';
import { describeDatabaseError } from '@app/database';
import { Inject, Injectable, Logger } from '@nestjs/common';
import { sql } from 'kysely';
import { METADATA_REFRESH_CONFIG, type MetadataRefreshConfig } from './metadata-refresh.options.js';

/** Refreshes that one statement deletes. */
const REFRESH_BATCH_SIZE = 1000;
/** Items that one statement deletes, with their errors. A refresh may have any number. */
const ITEM_BATCH_SIZE = 5000;
/** Attempts that one statement deletes. */
const ATTEMPT_BATCH_SIZE = 5000;

/** Deletes expired refreshes with their items and errors, and expired attempts, in short statements. */
@Injectable()
export class RefreshRetention {
  private readonly logger = new Logger('MetadataRefresh');

  constructor(
    private readonly em: EntityManager,
    @Inject(METADATA_REFRESH_CONFIG) private readonly config: MetadataRefreshConfig,
  ) {}

  /**
   * Returns the number of deleted rows. Several processes may delete at the same time. If the deletion of refreshes fails,
   * attempts are deleted before it throws.
   */
  async deleteExpired(): Promise<{ refreshes: number; attempts: number }> {
    const deleted = { refreshes: 0, attempts: 0 };
    try {
      deleted.refreshes = await this.deleteRefreshes();
    } finally {
      deleted.attempts = await this.deleteAttempts();
    }
    return deleted;
  }

  /** The same, for a schedule: logs what was deleted, or why nothing was, and does not throw. */
  async cleanUp(): Promise<void> {
    try {
      const deleted = await this.deleteExpired();
      if (deleted.refreshes + deleted.attempts > 0) this.logger.log({ msg: 'expired refreshes deleted', ...deleted });
    } catch (error) {
      this.logger.warn({
        msg: 'expired refreshes not deleted; next try in an hour',
        error: describeDatabaseError(error),
      });
    }
  }

  /** Deletes one refresh with its items and errors, whatever its age and state. False: there is none. */
  async deleteRefresh(refreshId: string): Promise<boolean> {
    while ((await this.deleteItems(refreshId)) > 0);
    return (await this.deleteRow(refreshId)) > 0;
  }

  private async deleteRefreshes(): Promise<number> {
    for (let deleted = 0; ;) {
      const batch = await this.deleteBatch();
      deleted += batch;
      if (batch > 0) continue;
      // The oldest has more items than one statement may delete, or another process is deleting it.
      const next = await this.findOldest();
      if (next === undefined) return deleted;
      deleted += Number(await this.deleteRefresh(next));
    }
  }

  /** Deletes the oldest refreshes whose items fit into one statement. */
  private async deleteBatch(): Promise<number> {
    const { numAffectedRows = 0n } = await sql`
      delete from nft_metadata.refreshes where id = any(array(
        select id from nft_metadata.refreshes where id = any(array(
          select id from (
            select id, sum(total) over (order by completed_at rows unbounded preceding) as items
            from (
              select id, total, completed_at from nft_metadata.refreshes
              where ${this.isExpired()}
              order by completed_at
              limit ${REFRESH_BATCH_SIZE}
            ) as oldest
          ) as oldest
          where items <= ${ITEM_BATCH_SIZE}
        ))
        for update skip locked
      ))`.execute(this.em.fork().getKysely());
    return Number(numAffectedRows);
  }

  private async findOldest(): Promise<string | undefined> {
    const { rows } = await sql<{ id: string }>`
      select id from nft_metadata.refreshes where ${this.isExpired()} order by completed_at limit 1`.execute(
      this.em.fork().getKysely(),
    );
    return rows[0]?.id;
  }

  private async deleteItems(refreshId: string): Promise<number> {
    // Without an order: the planner expects a refresh of average size, and would sort all items of a large one each time.
    const { numAffectedRows = 0n } = await sql`
      delete from nft_metadata.refresh_items where id = any(array(
        select id from nft_metadata.refresh_items
        where refresh_id = ${refreshId}::uuid
        limit ${ITEM_BATCH_SIZE}
        for update skip locked
      ))`.execute(this.em.fork().getKysely());
    return Number(numAffectedRows);
  }

  private async deleteRow(refreshId: string): Promise<number> {
    const { numAffectedRows = 0n } = await sql`
      delete from nft_metadata.refreshes where id = ${refreshId}::uuid`.execute(this.em.fork().getKysely());
    return Number(numAffectedRows);
  }

  private isExpired() {
    return sql`completed_at < now() - ${this.config.refreshRetentionDays} * interval '1 day'`;
  }

  /** Ids increase with time, so the oldest are the first. */
  private async deleteAttempts(): Promise<number> {
    let deleted = 0;
    for (let last = '0'; ;) {
      const { rows } = await sql<{ deleted: number; last: string }>`
        with deleted as (
          delete from nft_metadata.refresh_attempts where id = any(array(
            select id from (
              select id, attempted_at from nft_metadata.refresh_attempts
              where id > ${last}::bigint
              order by id
              limit ${ATTEMPT_BATCH_SIZE}
              for update skip locked
            ) as oldest
            where attempted_at < now() - ${this.config.attemptRetentionDays} * interval '1 day'
          ))
          returning id
        )
        select count(*)::int as deleted, max(id)::text as last from deleted`.execute(this.em.fork().getKysely());
      const [end] = rows;
      deleted += end!.deleted;
      if (end!.deleted < ATTEMPT_BATCH_SIZE) return deleted;
      last = end!.last;
    }
  }
}
