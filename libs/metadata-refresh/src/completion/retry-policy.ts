import type { FetchOutcome } from '@app/metadata-fetch';
import { exponentialDelay } from '@app/safe-http';
import type { MetadataRefreshConfig } from '../metadata-refresh.options.js';

/**
 * The public guide: "Retried 2 times, only on 429 and 503". Any other failure of a metadata host is final. The 202 of a
 * gateway is not a response of the project's host, and is retried as well.
 */
const RETRIED_STATUSES = [429, 503];
/** An RPC node that lags behind may not know a new token yet. */
const MAX_REVERTED_ATTEMPTS = 2;

/**
 * The delay before the next attempt in seconds, or null when the item has failed. Exponential back-off with up to a quarter
 * of jitter, so that the tokens of one host do not come back in one wave; never shorter than the host's Retry-After.
 */
export function retryDelaySeconds(
  outcome: FetchOutcome,
  /** Attempts so far, including this one. */
  attempts: number,
  config: Pick<MetadataRefreshConfig, 'maxAttempts' | 'maxRpcAttempts' | 'retryBaseSeconds' | 'retryMaxDelaySeconds'>,
  random: number = Math.random(),
): number | null {
  if (attempts >= maxAttemptsFor(outcome, config)) return null;
  return Math.min(config.retryMaxDelaySeconds, Math.max(pause(attempts, config, random), retryAfterSeconds(outcome)));
}

/**
 * The cooldown of the whole host in seconds, for all workers, or null. After a 429, or when an RPC node fails as a whole: the
 * delay of the retry, also if there is none. After a 503: its Retry-After, if it has one.
 */
export function cooldownSeconds(
  outcome: FetchOutcome,
  attempts: number,
  config: Pick<MetadataRefreshConfig, 'retryBaseSeconds' | 'retryMaxDelaySeconds'>,
): number | null {
  const asked = retryAfterSeconds(outcome);
  const isNodeUnavailable = isRpcError(outcome) && outcome.retryAfterSeconds !== undefined;
  if (isNodeUnavailable || (outcome.kind === 'bad_status' && outcome.status === 429)) {
    return Math.min(config.retryMaxDelaySeconds, Math.max(pause(attempts, config, 0), asked));
  }
  const isBusy = outcome.kind === 'bad_status' && outcome.status === 503;
  return isBusy && asked > 0 ? Math.min(config.retryMaxDelaySeconds, asked) : null;
}

/** The total number of attempts for an item with this outcome. */
function maxAttemptsFor(
  outcome: FetchOutcome,
  { maxAttempts, maxRpcAttempts }: Pick<MetadataRefreshConfig, 'maxAttempts' | 'maxRpcAttempts'>,
): number {
  switch (outcome.kind) {
    case 'bad_status':
      return RETRIED_STATUSES.includes(outcome.status) || outcome.isPending ? maxAttempts : 1;
    case 'unreachable':
      // Neither is the fault of the token or its host.
      if (isRpcError(outcome) || outcome.reason === 'busy') return maxRpcAttempts;
      return outcome.reason === 'contract_reverted' ? Math.min(MAX_REVERTED_ATTEMPTS, maxAttempts) : 1;
    case 'undecodable':
      return outcome.reason === 'internal_error' ? maxRpcAttempts : 1;
    case 'no_token':
      return Math.min(MAX_REVERTED_ATTEMPTS, maxAttempts);
    case 'fetched':
    case 'not_modified':
      return 1;
  }
}

function isRpcError(
  outcome: FetchOutcome,
): outcome is Extract<FetchOutcome, { kind: 'unreachable' }> & { reason: 'rpc_error' } {
  return outcome.kind === 'unreachable' && outcome.reason === 'rpc_error';
}

function retryAfterSeconds(outcome: FetchOutcome): number {
  return 'retryAfterSeconds' in outcome ? (outcome.retryAfterSeconds ?? 0) : 0;
}

function pause(attempts: number, config: Pick<MetadataRefreshConfig, 'retryBaseSeconds'>, random: number): number {
  return exponentialDelay(attempts, { base: config.retryBaseSeconds, jitter: 1 / 4, random });
}
