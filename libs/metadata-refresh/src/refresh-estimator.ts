import { EntityManager } from '@mikro-orm/postgresql';
import { Inject, Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import type { Collection } from '@app/token-store';
import { METADATA_REFRESH_CONFIG, type MetadataRefreshConfig } from './metadata-refresh.options.js';

/** Recent attempts from which the duration of one is taken. */
const SAMPLED_ATTEMPTS = 500;

/** How long refreshes take. */
@Injectable()
export class RefreshEstimator {
  constructor(
    private readonly em: EntityManager,
    @Inject(METADATA_REFRESH_CONFIG) private readonly config: MetadataRefreshConfig,
  ) {}

  /**
   * The expected seconds until `tokens` of the collection are processed after all tokens that wait for the same metadata host, at
   * its full concurrency; null: no attempt of the collection is known.
   */
  async expectedSeconds(collection: Collection, host: string, tokens: number): Promise<number | null> {
    const { rows } = await sql<{ waiting: number; meanMs: number | null }>`
      select
        (
          select coalesce(sum(token_count), 0)::int from nft_metadata.refresh_chunks
          where lane_id = any(array(select id from nft_metadata.lanes where host = ${host})) and not held
        ) as waiting,
        (
          select avg(duration_ms)::float8 from (
            select duration_ms from nft_metadata.refresh_attempts
            where collection_id = ${collection.id}::uuid
            order by token_id, id desc
            limit ${SAMPLED_ATTEMPTS}
          ) as sample
        ) as "meanMs"`.execute(this.em.fork().getKysely());
    const { waiting, meanMs } = rows[0]!;
    if (meanMs === null) return null;
    const concurrency = collection.hostConcurrency ?? this.config.hostConcurrency;
    return Math.max(1, Math.ceil(((waiting + tokens) * meanMs) / 1000 / concurrency));
  }
}
