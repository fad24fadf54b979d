import type { FetchOutcome, FetchedMetadata, Validators } from '@app/metadata-fetch';
import type { MetadataRefreshConfig } from '../metadata-refresh.options.js';
import type { ClaimedItem, ClaimedToken } from '../queue/claimed-token.js';
import { retryDelaySeconds } from './retry-policy.js';
import { toTokenError, unexpectedNotModified, WORKER_LOST, type TokenError } from './token-error.js';

/** One request of an attempt, as it is stored and returned. */
export interface AttemptedRequest {
  url: string;
  /** The URLs that redirects led to; absent: none. They are not stored. */
  redirects?: readonly string[];
  outcome: FetchOutcome['kind'];
  statusCode: number | null;
  reason: string | null;
  durationMs: number;
  bytes: number;
}

/** The result of one attempt for one of the items that wait for its token. */
export type ItemResult = {
  item: ClaimedItem;
  token: ClaimedToken;
  /** In order; empty when no attempt was made, or when they are stored with another item of the token. */
  requests: readonly AttemptedRequest[];
} & (
  | { status: 'succeeded'; url: string; metadata: FetchedMetadata | null; validators: Validators }
  /** Without a fetch: another one, of this source or a later one, began after the refresh was accepted, and its document is stored. */
  | { status: 'coalesced'; isChanged: boolean }
  /** Without a fetch: the record is kept as it is for now. */
  | { status: 'held' }
  /** Without a fetch: the record was pushed, and no fetch may replace it. */
  | { status: 'superseded' }
  | { status: 'retry'; delaySeconds: number }
  | { status: 'failed'; error: TokenError }
);

/** One fetch decides every item of its token; each has its own number of attempts left. */
export function toItemResults(token: ClaimedToken, outcome: FetchOutcome, config: MetadataRefreshConfig): ItemResult[] {
  const requests = requestsOf(outcome);
  // The same for all items of the token, so that they are due together and share the next fetch as well.
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
      // Nothing was asked that this could be the response to; a fetcher of the host application may return it all the same.
      if (attempted.token.revealId !== undefined)
        return { ...attempted, status: 'failed', error: unexpectedNotModified(outcome.url) };
      return { ...attempted, status: 'succeeded', url: outcome.url, metadata: null, validators: outcome.validators };
    default:
      return { ...attempted, status: 'failed', error: toTokenError(outcome) };
  }
}

/**
 * The results of a token whose last successful fetch began after every refresh that waits for it was accepted; null: fetch it. A
 * failure is never shared: each refresh has its own attempts. The caller checks which source this fetch used.
 */
export function toCoalescedResults(token: ClaimedToken): ItemResult[] | null {
  const { lastFetchSeq, lastChangeSeq = '0', items } = token;
  if (lastFetchSeq === undefined) return null;
  const isLater = (seq: string, { acceptedSeq }: ClaimedItem) => BigInt(seq) > BigInt(acceptedSeq);
  if (!items.every((item) => isLater(lastFetchSeq, item))) return null;
  return items.map((item) => {
    return { item, token, requests: [], status: 'coalesced', isChanged: isLater(lastChangeSeq, item) };
  });
}

/** The results of a token whose record no fetch may replace; null: fetch it. */
export function toKeptResults(token: ClaimedToken): ItemResult[] | null {
  const { keptAs, items } = token;
  return keptAs ? items.map((item) => ({ item, token, requests: [], status: keptAs })) : null;
}

/** Fails a token over which too many workers have died. Nothing was requested. */
export function workerLost(token: ClaimedToken): ItemResult[] {
  return token.items.map((item) => ({
    item,
    token,
    requests: [],
    status: 'failed',
    error: WORKER_LOST,
  }));
}

/** The requests of an attempt in order, the one that determined its outcome last. */
export function requestsOf(outcome: FetchOutcome): AttemptedRequest[] {
  const { url, redirects, durationMs, bytes, otherRequests } = outcome;
  const error = outcome.kind === 'fetched' || outcome.kind === 'not_modified' ? null : toTokenError(outcome);
  const successStatus = outcome.kind === 'not_modified' ? 304 : 200;
  return [
    ...otherRequests.map(({ status, ...request }) => ({ ...request, outcome: kindOf(status), statusCode: status })),
    {
      url,
      ...(redirects && { redirects }),
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
