import { EntityManager } from '@mikro-orm/postgresql';
import { Inject, Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import { METADATA_REFRESH_CONFIG, type MetadataRefreshConfig } from './metadata-refresh.options.js';

/** Refreshes that one statement removes, each with up to 1,000 items: short locks, and little for vacuum at once. */
const AT_ONCE = 10;

/** Attempts that one statement removes. */
const ATTEMPTS_AT_ONCE = 5000;

/** Removes old refreshes with their items and errors, and old attempts, so that tables stop growing. */
@Injectable()
export class RefreshRetention {
  constructor(
    private readonly em: EntityManager,
    @Inject(METADATA_REFRESH_CONFIG) private readonly config: MetadataRefreshConfig,
  ) {}

  /** Returns how many were removed. Any number of processes may do so at once. */
  async removeOld(): Promise<{ refreshes: number; attempts: number }> {
    return { refreshes: await this.removeRefreshes(), attempts: await this.removeAttempts() };
  }

  private async removeRefreshes(): Promise<number> {
    for (let removed = 0; ;) {
      const { rows } = await sql`
        delete from nft_metadata.refreshes where id = any(array(
          select id from nft_metadata.refreshes
          where completed_at < now() - ${this.config.keepRefreshesDays} * interval '1 day'
          order by completed_at
          limit ${AT_ONCE}
          for update skip locked
        ))
        returning id`.execute(this.em.fork().getKysely());
      removed += rows.length;
      if (rows.length < AT_ONCE) return removed;
    }
  }

  /** Ids are in order of time, so the oldest are the first. */
  private async removeAttempts(): Promise<number> {
    for (let removed = 0; ;) {
      const { numAffectedRows } = await sql`
        delete from nft_metadata.refresh_attempts where id = any(array(
          select id from (
            select id, attempted_at from nft_metadata.refresh_attempts
            order by id
            limit ${ATTEMPTS_AT_ONCE}
            for update skip locked
          ) as oldest
          where attempted_at < now() - ${this.config.keepAttemptsDays} * interval '1 day'
        ))`.execute(this.em.fork().getKysely());
      removed += Number(numAffectedRows ?? 0n);
      if (Number(numAffectedRows ?? 0n) < ATTEMPTS_AT_ONCE) return removed;
    }
  }
}
