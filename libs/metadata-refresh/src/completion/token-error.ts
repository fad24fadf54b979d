import type { FetchOutcome } from '@app/metadata-fetch';
import type { RefreshErrorCode, RefreshReason } from '../refresh-reason.js';

/** Why a token failed. */
export interface TokenError {
  errorCode: RefreshErrorCode;
  /** The more precise, stable reason. */
  reason: RefreshReason;
  /** Empty when nothing could be requested. */
  metadataUrl: string;
  statusCode: number | null;
  body: string | null;
}

/** The error of a token that is not registered any more. */
export const NOT_REGISTERED: TokenError = {
  errorCode: 'token_not_found',
  reason: 'not_registered',
  metadataUrl: '',
  statusCode: null,
  body: null,
};

/** The error of a token over which too many workers have died. Nothing was requested. */
export const WORKER_LOST: TokenError = {
  errorCode: 'unable_to_retrieve_metadata',
  reason: 'worker_lost',
  metadataUrl: '',
  statusCode: null,
  body: null,
};

export type Failure = Exclude<FetchOutcome, { kind: 'fetched' } | { kind: 'not_modified' }>;

/**
 * Decides the error code of a failed fetch. Without a complete response: `unable_to_retrieve_metadata`. A complete response with a status other than 200:
 * `invalid_response_status_code`. A complete 200 that is not a JSON object: `unable_to_decode_response`. Only the contract
 * itself can cause `token_not_found`.
 */
export function toTokenError(outcome: Failure): TokenError {
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
        // The contract returned this URI: there is no HTTP status, and no response of a metadata host.
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

/** The error of a 304 that nothing was asked for: the request had no validators. */
export function unexpectedNotModified(metadataUrl: string): TokenError {
  return { errorCode: 'invalid_response_status_code', reason: 'status_304', metadataUrl, statusCode: 304, body: null };
}
