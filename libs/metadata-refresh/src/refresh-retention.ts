import { EntityManager } from '@mikro-orm/postgresql';
import { Inject, Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import { METADATA_REFRESH_CONFIG, type MetadataRefreshConfig } from './metadata-refresh.options.js';

/** Refreshes that one statement removes, each with up to 1,000 items: short locks, and little for vacuum at once. */
const AT_ONCE = 10;

/** Removes old refreshes with their items and errors, so that tables stop growing. */
@Injectable()
export class RefreshRetention {
  constructor(
    private readonly em: EntityManager,
    @Inject(METADATA_REFRESH_CONFIG) private readonly config: MetadataRefreshConfig,
  ) {}

  /** Returns how many were removed. Any number of processes may do so at once. */
  async removeOld(): Promise<number> {
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
}
