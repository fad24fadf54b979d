import type { FetchOutcome, FetchedMetadata, Validators } from '@app/metadata-fetch';
import type { MetadataRefreshConfig } from './metadata-refresh.options.js';
import type { ClaimedItem, ClaimedToken } from './claimed-token.js';
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

/** What one attempt means for one of the items that wait for its token. */
export type ItemResult = {
  item: ClaimedItem;
  token: ClaimedToken;
  /** In order; none when no attempt was made, or when they are kept with another item of the token. */
  requests: readonly AttemptedRequest[];
} & (
  | { status: 'succeeded'; url: string; metadata: FetchedMetadata | null; validators: Validators }
  | { status: 'retry'; delaySeconds: number }
  | { status: 'failed'; error: ItemError }
);

/** One fetch settles every item of its token, each by the tries that it has left. */
export function toItemResults(token: ClaimedToken, outcome: FetchOutcome, config: MetadataRefreshConfig): ItemResult[] {
  const requests = requestsOf(outcome);
  // Drawn once: the items of a token come due together, to be settled by one fetch again.
  const jitter = Math.random();
  return token.items.map((item, index) =>
    toItemResult({ item, token, requests: index === 0 ? requests : [] }, outcome, config, jitter),
  );
}

function toItemResult(
  attempted: { item: ClaimedItem; token: ClaimedToken; requests: readonly AttemptedRequest[] },
  outcome: FetchOutcome,
  config: MetadataRefreshConfig,
  jitter: number,
): ItemResult {
  const delaySeconds = retryDelaySeconds(outcome, attempted.item.attemptCount + 1, config, jitter);
  if (delaySeconds !== null) return { ...attempted, status: 'retry', delaySeconds };
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

/** Whatever this token does to a worker, it shall not do it for ever: nothing was asked. */
export function workerLost(token: ClaimedToken): ItemResult[] {
  return token.items.map((item) => ({
    item,
    token,
    requests: [],
    status: 'failed',
    error: {
      errorCode: 'unable_to_retrieve_metadata',
      reason: 'worker_lost',
      metadataUrl: '',
      statusCode: null,
      body: null,
    },
  }));
}

type Failure = Exclude<FetchOutcome, { kind: 'fetched' } | { kind: 'not_modified' }>;

/**
 * No complete answer in hand is `unable_to_retrieve_metadata`; a complete one that is not 200 is
 * `invalid_response_status_code`; a complete 200 that is no JSON object is `unable_to_decode_response`; and only the
 * contract itself can say `token_not_found`.
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
        // What the contract answered has no status, and is none of a metadata host's.
        ...(outcome.reason === 'invalid_token_uri'
          ? { statusCode: null, body: null }
          : { statusCode: 200, body: outcome.body }),
      };
    case 'no_token':
      return {
        errorCode: 'token_not_found',
        reason: outcome.reason,
        metadataUrl: outcome.url,
        statusCode: null,
        body: null,
      };
  }
}

function requestsOf(outcome: FetchOutcome): AttemptedRequest[] {
  const { url, durationMs, bytes, otherRequests } = outcome;
  const error = outcome.kind === 'fetched' || outcome.kind === 'not_modified' ? null : toItemError(outcome);
  const successStatus = outcome.kind === 'not_modified' ? 304 : 200;
  return [
    ...otherRequests.map(({ status, ...request }) => ({ ...request, outcome: kindOf(status), statusCode: status })),
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
