import type { FetchOutcome } from '@app/metadata-fetch';
import { exponentialDelay } from '@app/safe-http';
import type { MetadataRefreshConfig } from './metadata-refresh.options.js';

/**
 * "Retried 2 times, only on 429 and 503": what else a metadata host does fails at once. A gateway is no metadata host of
 * the project's: its 202 is no answer yet, and is tried again as well.
 */
const RETRIED_STATUSES = [429, 503];
/** A node that lags behind may not know a new token yet. */
const REVERTED_TRIES = 2;

/**
 * How many seconds to wait before the next try, or null when the item has failed. Exponential, with up to a quarter of
 * jitter, so that the tokens of one host do not come back in one wave; never shorter than the host's Retry-After.
 */
export function retryDelaySeconds(
  outcome: FetchOutcome,
  /** Tries so far, this one included. */
  attempts: number,
  config: Pick<MetadataRefreshConfig, 'maxAttempts' | 'maxRpcAttempts' | 'retryBaseSeconds' | 'retryMaxDelaySeconds'>,
  random: number = Math.random(),
): number | null {
  if (attempts >= triesFor(outcome, config)) return null;
  return Math.min(config.retryMaxDelaySeconds, Math.max(pause(attempts, config, random), askedSeconds(outcome)));
}

/**
 * How many seconds the whole host is left alone, by everybody, or null: after a 429, or when all of a chain's node is in
 * trouble, as long as the retry would wait, also if there is none; after a 503 as long as it asks for in Retry-After.
 */
export function cooldownSeconds(
  outcome: FetchOutcome,
  attempts: number,
  config: Pick<MetadataRefreshConfig, 'retryBaseSeconds' | 'retryMaxDelaySeconds'>,
): number | null {
  const asked = askedSeconds(outcome);
  const isNodeAway = isRpcTrouble(outcome) && outcome.retryAfterSeconds !== undefined;
  if (isNodeAway || (outcome.kind === 'bad_status' && outcome.status === 429)) {
    return Math.min(config.retryMaxDelaySeconds, Math.max(pause(attempts, config, 0), asked));
  }
  const isBusy = outcome.kind === 'bad_status' && outcome.status === 503;
  return isBusy && asked > 0 ? Math.min(config.retryMaxDelaySeconds, asked) : null;
}

/** Tries in all, of which this outcome was one. */
function triesFor(
  outcome: FetchOutcome,
  { maxAttempts, maxRpcAttempts }: Pick<MetadataRefreshConfig, 'maxAttempts' | 'maxRpcAttempts'>,
): number {
  switch (outcome.kind) {
    case 'bad_status':
      return RETRIED_STATUSES.includes(outcome.status) || outcome.isPending ? maxAttempts : 1;
    case 'unreachable':
      // Neither is the fault of the token or its host.
      if (isRpcTrouble(outcome) || outcome.reason === 'busy') return maxRpcAttempts;
      return outcome.reason === 'contract_reverted' ? Math.min(REVERTED_TRIES, maxAttempts) : 1;
    case 'no_token':
      return Math.min(REVERTED_TRIES, maxAttempts);
    default:
      return 1;
  }
}

function isRpcTrouble(
  outcome: FetchOutcome,
): outcome is Extract<FetchOutcome, { kind: 'unreachable' }> & { reason: 'rpc_error' } {
  return outcome.kind === 'unreachable' && outcome.reason === 'rpc_error';
}

function askedSeconds(outcome: FetchOutcome): number {
  return 'retryAfterSeconds' in outcome ? (outcome.retryAfterSeconds ?? 0) : 0;
}

function pause(attempts: number, config: Pick<MetadataRefreshConfig, 'retryBaseSeconds'>, random: number): number {
  return exponentialDelay(attempts, { base: config.retryBaseSeconds, jitter: 1 / 4, random });
}
