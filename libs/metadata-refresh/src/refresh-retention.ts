import { EntityManager } from '@mikro-orm/postgresql';
import { Inject, Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import { METADATA_REFRESH_CONFIG, type MetadataRefreshConfig } from './metadata-refresh.options.js';

/** Refreshes that one statement removes. */
const REFRESHES_AT_ONCE = 1000;
/** Items that one statement removes, with their errors. A refresh may have any number. */
const ITEMS_AT_ONCE = 5000;
/** Attempts that one statement removes. */
const ATTEMPTS_AT_ONCE = 5000;

/** Removes old refreshes with their items and errors, and old attempts, in short statements, so that tables stop growing. */
@Injectable()
export class RefreshRetention {
  constructor(
    private readonly em: EntityManager,
    @Inject(METADATA_REFRESH_CONFIG) private readonly config: MetadataRefreshConfig,
  ) {}

  /**
   * Returns how many were removed. Any number of processes may do so at once. Attempts go also when refreshes cannot;
   * then it throws afterwards.
   */
  async deleteExpired(): Promise<{ refreshes: number; attempts: number }> {
    const removed = { refreshes: 0, attempts: 0 };
    try {
      removed.refreshes = await this.removeRefreshes();
    } finally {
      removed.attempts = await this.removeAttempts();
    }
    return removed;
  }

  /** One refresh with its items and errors, whatever its age and state. False: there was none. */
  async removeRefresh(refreshId: string): Promise<boolean> {
    while ((await this.removeItems(refreshId)) > 0);
    return (await this.remove(refreshId)) > 0;
  }

  private async removeRefreshes(): Promise<number> {
    for (let removed = 0; ;) {
      const together = await this.removeTogether();
      removed += together;
      if (together > 0) continue;
      // The next one has more items than a statement may remove, or another process is at it.
      const next = await this.findOldest();
      if (next === undefined) return removed;
      removed += Number(await this.removeRefresh(next));
    }
  }

  /** As many of the oldest as have no more items together than one statement may remove. */
  private async removeTogether(): Promise<number> {
    const { numAffectedRows = 0n } = await sql`
      delete from nft_metadata.refreshes where id = any(array(
        select id from nft_metadata.refreshes where id = any(array(
          select id from (
            select id, sum(total) over (order by completed_at rows unbounded preceding) as items
            from (
              select id, total, completed_at from nft_metadata.refreshes
              where ${this.isOld()}
              order by completed_at
              limit ${REFRESHES_AT_ONCE}
            ) as oldest
          ) as oldest
          where items <= ${ITEMS_AT_ONCE}
        ))
        for update skip locked
      ))`.execute(this.em.fork().getKysely());
    return Number(numAffectedRows);
  }

  private async findOldest(): Promise<string | undefined> {
    const { rows } = await sql<{ id: string }>`
      select id from nft_metadata.refreshes where ${this.isOld()} order by completed_at limit 1`.execute(
      this.em.fork().getKysely(),
    );
    return rows[0]?.id;
  }

  private async removeItems(refreshId: string): Promise<number> {
    // In no order: the planner, which expects a refresh of usual size, would sort all of a large one each time.
    const { numAffectedRows = 0n } = await sql`
      delete from nft_metadata.refresh_items where id = any(array(
        select id from nft_metadata.refresh_items
        where refresh_id = ${refreshId}::uuid
        limit ${ITEMS_AT_ONCE}
        for update skip locked
      ))`.execute(this.em.fork().getKysely());
    return Number(numAffectedRows);
  }

  private async remove(refreshId: string): Promise<number> {
    const { numAffectedRows = 0n } = await sql`
      delete from nft_metadata.refreshes where id = ${refreshId}::uuid`.execute(this.em.fork().getKysely());
    return Number(numAffectedRows);
  }

  private isOld() {
    return sql`completed_at < now() - ${this.config.refreshRetentionDays} * interval '1 day'`;
  }

  /** Ids are in order of time, so the oldest are the first. */
  private async removeAttempts(): Promise<number> {
    let removed = 0;
    for (let last = '0'; ;) {
      const { rows } = await sql<{ removed: number; last: string }>`
        with removed as (
          delete from nft_metadata.refresh_attempts where id = any(array(
            select id from (
              select id, attempted_at from nft_metadata.refresh_attempts
              where id > ${last}::bigint
              order by id
              limit ${ATTEMPTS_AT_ONCE}
              for update skip locked
            ) as oldest
            where attempted_at < now() - ${this.config.attemptRetentionDays} * interval '1 day'
          ))
          returning id
        )
        select count(*)::int as removed, max(id)::text as last from removed`.execute(this.em.fork().getKysely());
      const [end] = rows;
      removed += end!.removed;
      if (end!.removed < ATTEMPTS_AT_ONCE) return removed;
      last = end!.last;
    }
  }
}
