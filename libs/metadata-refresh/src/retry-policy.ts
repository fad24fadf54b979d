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
  return Math.min(config.retryCapSeconds, Math.max(pause(attempts, config, random), outcome.retryAfterSeconds ?? 0));
}

/**
 * How many seconds the whole host is left alone, by everybody, or null: after a 429 as long as the retry would wait,
 * also if there is none, after a 503 as long as it asks for in Retry-After.
 */
export function hostRestSeconds(
  outcome: FetchOutcome,
  attempts: number,
  config: Pick<MetadataRefreshConfig, 'retryBaseSeconds' | 'retryCapSeconds'>,
): number | null {
  if (outcome.kind !== 'bad_status') return null;
  const asked = outcome.retryAfterSeconds ?? 0;
  if (outcome.status === 429) return Math.min(config.retryCapSeconds, Math.max(pause(attempts, config, 0), asked));
  return outcome.status === 503 && asked > 0 ? Math.min(config.retryCapSeconds, asked) : null;
}

function pause(attempts: number, config: Pick<MetadataRefreshConfig, 'retryBaseSeconds'>, random: number): number {
  return config.retryBaseSeconds * 2 ** (attempts - 1) * (1 + random / 4);
}
