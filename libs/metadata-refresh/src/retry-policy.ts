import type { FetchOutcome } from '@app/metadata-fetch';
import type { MetadataRefreshConfig } from './metadata-refresh.options.js';

/** "Retried 2 times, only on 429 and 503": everything else fails at once. */
const RETRIED_STATUSES = [429, 503];

/**
 * How many seconds to wait before the next try, or null when the item has failed. Exponential, with up to a quarter of
 * jitter, so that the tokens of one host do not come back in one wave; never shorter than the host's Retry-After.
 */
export function retryDelaySeconds(
  outcome: FetchOutcome,
  /** Tries so far, this one included. */
  attempts: number,
  config: Pick<MetadataRefreshConfig, 'maxAttempts' | 'retryBaseSeconds' | 'retryCapSeconds'>,
  random: number = Math.random(),
): number | null {
  if (outcome.kind !== 'bad_status' || !RETRIED_STATUSES.includes(outcome.status)) return null;
  if (attempts >= config.maxAttempts) return null;
  const exponential = config.retryBaseSeconds * 2 ** (attempts - 1) * (1 + random / 4);
  return Math.min(config.retryCapSeconds, Math.max(exponential, outcome.retryAfterSeconds ?? 0));
}
