import { EntityManager } from '@mikro-orm/postgresql';
import { readingFrom } from '@app/database';
import { MetadataFetcher } from '@app/metadata-fetch';
import { TokenStore, type Collection } from '@app/token-store';
import { Inject, Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import { METADATA_REFRESH_CONFIG, type MetadataRefreshConfig } from '../metadata-refresh.options.js';
import { OwnedCollections } from './owned-collections.js';
import { ProjectRefreshLimits, type EffectiveLimits, type RefreshingProject } from './refresh-limits.js';
import { RefreshQuota } from './refresh-quota.js';
import type { RefreshEstimate, RefreshRequest, WantedTokens } from './refresh-request.js';
import { getLocation, hostOf } from '../queue/refresh-source.js';
import { isCharged } from '../refresh-trigger.js';
import { ScheduledRefreshes } from './scheduled-refreshes.js';
import { countWanted, withoutRepeats } from './wanted-tokens.js';

/** Attempts of the collection from whose mean the duration of a request is taken. */
const SAMPLED_ATTEMPTS = 500;

/** Says what a refresh would take, without accepting it. */
@Injectable()
export class RefreshEstimator {
  constructor(
    private readonly em: EntityManager,
    private readonly collections: OwnedCollections,
    private readonly tokens: TokenStore,
    private readonly fetcher: MetadataFetcher,
    private readonly limits: ProjectRefreshLimits,
    private readonly quota: RefreshQuota,
    private readonly scheduled: ScheduledRefreshes,
    @Inject(METADATA_REFRESH_CONFIG) private readonly config: MetadataRefreshConfig,
  ) {}

  /** See MetadataRefreshService.estimate. */
  async estimate(project: RefreshingProject, request: RefreshRequest): Promise<RefreshEstimate> {
    const { trigger = 'api', notBefore } = request;
    const collection = await this.collections.getRefreshable(project, request.collectionAddress, request.chainId);
    if (notBefore) await this.scheduled.check(notBefore);
    const { tokens, expectedSeconds } = await this.estimateFor(collection, request);
    const limits = this.limits.of(project);
    const quota = await this.quota.read(project.id, limits.tokensPerHour);
    if (!isCharged(trigger)) return { tokens, charged: 0, quota, expectedSeconds, exceeds: null };
    const room = notBefore ? limits.tokensPerHour : quota.remaining;
    return { tokens, charged: tokens, quota, expectedSeconds, exceeds: exceededLimit(request, tokens, limits, room) };
  }

  /** See MetadataRefreshService.estimateSelection. */
  async estimateFor(
    collection: Collection,
    wanted: WantedTokens,
  ): Promise<Pick<RefreshEstimate, 'tokens' | 'expectedSeconds'>> {
    const host = hostOf(getLocation(collection, this.fetcher));
    const tokens = await countWanted(this.tokens, collection, withoutRepeats(wanted));
    return { tokens, expectedSeconds: await this.expectedSeconds(collection, host, tokens) };
  }

  /** Until the tokens are processed after all that wait for the same host, at its full concurrency. null: no attempt is known. */
  private async expectedSeconds(collection: Collection, host: string, tokens: number): Promise<number | null> {
    const { rows } = await sql<{ waiting: number; meanMs: number | null }>`
      select
        (
          select coalesce(sum(token_count), 0)::int from nft_metadata.refresh_chunks
          where lane_id = any(array(select id from nft_metadata.lanes where host = ${host})) and not is_paused
        ) as waiting,
        (
          select avg(duration_ms)::float8 from (
            select duration_ms from nft_metadata.refresh_attempts
            where collection_id = ${collection.id}::uuid
            order by token_id, id desc
            limit ${SAMPLED_ATTEMPTS}
          ) as sample
        ) as "meanMs"`.execute(readingFrom(this.em).getKysely());
    const { waiting, meanMs } = rows[0]!;
    if (meanMs === null) return null;
    const concurrency = collection.hostConcurrency ?? this.config.hostConcurrency;
    return Math.max(1, Math.ceil(((waiting + tokens) * meanMs) / 1000 / concurrency));
  }
}

function exceededLimit(
  { tokenIds }: WantedTokens,
  tokens: number,
  limits: EffectiveLimits,
  room: number,
): RefreshEstimate['exceeds'] {
  if (tokenIds && tokens > limits.tokensPerRequest) return 'tokensPerRequest';
  if (!tokenIds && tokens > limits.tokensPerSelection) return 'tokensPerSelection';
  return tokens > room ? 'tokensPerHour' : null;
}
