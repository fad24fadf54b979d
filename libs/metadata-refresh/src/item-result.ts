import type { FetchOutcome, FetchedMetadata, Validators } from '@app/metadata-fetch';
import type { MetadataRefreshConfig } from './metadata-refresh.options.js';
import type { ClaimedItem } from './claimed-item.js';
import { retryDelaySeconds } from './retry-policy.js';

/** The four public reasons why a token could not be refreshed. */
export type RefreshErrorCode =
  'unable_to_retrieve_metadata' | 'invalid_response_status_code' | 'unable_to_decode_response' | 'token_not_found';

interface ItemError {
  errorCode: RefreshErrorCode;
  /** The finer, stable reason beneath the code. */
  reason: string;
  /** '' when nothing could be requested. */
  metadataUrl: string;
  statusCode: number | null;
  body: string | null;
}

/** What one attempt means for its item. */
export type ItemResult = { item: ClaimedItem; fetchSeq: string } & (
  | { status: 'succeeded'; url: string; metadata: FetchedMetadata | null; validators: Validators }
  | { status: 'retry'; delaySeconds: number; throttled: boolean }
  | { status: 'failed'; error: ItemError }
);

export function toItemResult(
  item: ClaimedItem,
  fetchSeq: string,
  outcome: FetchOutcome,
  config: MetadataRefreshConfig,
): ItemResult {
  const delaySeconds = retryDelaySeconds(outcome, item.attemptCount + 1, config);
  if (delaySeconds !== null) {
    const throttled = outcome.kind === 'bad_status' && outcome.status === 429;
    return { item, fetchSeq, status: 'retry', delaySeconds, throttled };
  }
  switch (outcome.kind) {
    case 'fetched':
      return {
        item,
        fetchSeq,
        status: 'succeeded',
        url: outcome.url,
        metadata: outcome.metadata,
        validators: outcome.validators,
      };
    case 'not_modified':
      return { item, fetchSeq, status: 'succeeded', url: outcome.url, metadata: null, validators: {} };
    default:
      return { item, fetchSeq, status: 'failed', error: toItemError(outcome) };
  }
}

type Failure = Exclude<FetchOutcome, { kind: 'fetched' } | { kind: 'not_modified' }>;

/**
 * No complete answer in hand is `unable_to_retrieve_metadata`; a complete one that is not 200 is
 * `invalid_response_status_code`; a complete 200 that is no JSON object is `unable_to_decode_response`.
 */
function toItemError(outcome: Failure): ItemError {
  switch (outcome.kind) {
    case 'unreachable':
      return {
        errorCode: 'unable_to_retrieve_metadata',
        reason: outcome.reason,
        metadataUrl: outcome.url,
        statusCode: null,
        body: null,
      };
    case 'bad_status':
      return {
        errorCode: 'invalid_response_status_code',
        reason: `status_${outcome.status}`,
        metadataUrl: outcome.url,
        statusCode: outcome.status,
        body: outcome.body,
      };
    case 'undecodable':
      return {
        errorCode: 'unable_to_decode_response',
        reason: outcome.reason,
        metadataUrl: outcome.url,
        statusCode: 200,
        body: outcome.body,
      };
  }
}
