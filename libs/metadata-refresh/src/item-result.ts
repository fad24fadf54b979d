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

/** One request of an attempt, as it is kept and shown. */
export interface AttemptedRequest {
  url: string;
  outcome: FetchOutcome['kind'];
  statusCode: number | null;
  reason: string | null;
  durationMs: number;
  bytes: number;
}

/** What one attempt means for its item. */
export type ItemResult = {
  item: ClaimedItem;
  fetchSeq: string;
  /** In order; none when no attempt was made. */
  requests: readonly AttemptedRequest[];
} & (
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
  const attempted = { item, fetchSeq, requests: requestsOf(outcome) };
  const delaySeconds = retryDelaySeconds(outcome, item.attemptCount + 1, config);
  if (delaySeconds !== null) {
    const throttled = outcome.kind === 'bad_status' && outcome.status === 429;
    return { ...attempted, status: 'retry', delaySeconds, throttled };
  }
  switch (outcome.kind) {
    case 'fetched':
      return {
        ...attempted,
        status: 'succeeded',
        url: outcome.url,
        metadata: outcome.metadata,
        validators: outcome.validators,
      };
    case 'not_modified':
      return { ...attempted, status: 'succeeded', url: outcome.url, metadata: null, validators: outcome.validators };
    default:
      return { ...attempted, status: 'failed', error: toItemError(outcome) };
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

function requestsOf(outcome: FetchOutcome): AttemptedRequest[] {
  const { url, durationMs, bytes, earlier } = outcome;
  const error = outcome.kind === 'fetched' || outcome.kind === 'not_modified' ? null : toItemError(outcome);
  const successStatus = outcome.kind === 'not_modified' ? 304 : 200;
  return [
    ...earlier.map(({ status, ...request }) => ({ ...request, outcome: kindOf(status), statusCode: status })),
    {
      url,
      outcome: outcome.kind,
      statusCode: error ? error.statusCode : successStatus,
      reason: error?.reason ?? null,
      durationMs,
      bytes,
    },
  ];
}

function kindOf(status: number | null): 'unreachable' | 'undecodable' | 'bad_status' {
  if (status === null) return 'unreachable';
  return status === 200 ? 'undecodable' : 'bad_status';
}
