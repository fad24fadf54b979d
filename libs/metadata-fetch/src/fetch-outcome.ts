import { REQUEST_FAILURE_REASONS } from '@app/safe-http';
import type { CollectionDocument } from './document/collection-document.js';
import type { FetchedMetadata } from './document/fetched-metadata.js';

/** Why there is no complete response. */
export const UNREACHABLE_REASONS = [
  ...REQUEST_FAILURE_REASONS,
  /** The token URI is missing or empty. */
  'no_uri',
  /** Nothing is deployed at the collection's address. */
  'no_contract',
  /** The call for the token URI reverted. */
  'contract_reverted',
  /** The RPC node failed. Says nothing about the token. */
  'rpc_error',
] as const;
export type UnreachableReason = (typeof UNREACHABLE_REASONS)[number];

/** Why a complete response, a 200 or a contract's result, is not metadata. */
export const UNDECODABLE_REASONS = [
  'empty_body',
  'invalid_json',
  'not_json',
  'wrong_type',
  'too_deep',
  'empty_metadata',
  /** It has nothing that a listing page could show. */
  'no_known_fields',
  /** An image or a video from a Metadata API, or where the stored record was made from a document. */
  'media_instead_of_document',
  'invalid_data_uri',
  'invalid_encoding',
  /** The contract's result is not a string. */
  'invalid_token_uri',
  /** This service failed, not the document: no thread could be started to read it. */
  'internal_error',
] as const;
export type UndecodableReason = (typeof UNDECODABLE_REASONS)[number];

/** The validators of a response, for a conditional request the next time. */
export interface Validators {
  /** They are sent only with a request for exactly this URL. */
  url: string;
  etag?: string | undefined;
  lastModified?: string | undefined;
}

/** Measurements of one attempt. */
export interface FetchTrace {
  /** The requested URL without credentials; '' if there was no request. */
  url: string;
  /**
   * The URLs that redirects led to, in order and without credentials; after a gateway that needs credentials, only their origins.
   * Absent: there was none.
   */
  redirects?: readonly string[];
  durationMs: number;
  /** Body bytes received, after decompression. */
  bytes: number;
  /** Requests to other gateways that did not determine the outcome, in order. Some may have come after the one that did. */
  otherRequests: readonly FailedRequest[];
}

/** A request without a document, in an attempt whose outcome came from another gateway. */
export interface FailedRequest {
  url: string;
  redirects?: readonly string[];
  status: number | null;
  reason: string;
  durationMs: number;
  bytes: number;
}

/**
 * How a fetch ended. A misbehaving server is a normal case, so it is a value and never thrown. A `switch` over `kind` has to
 * name every case.
 */
export type FetchOutcome =
  /** `collection`: of a document that a contract names for itself. */
  | ({
      kind: 'fetched';
      metadata: FetchedMetadata;
      collection?: CollectionDocument;
      validators: Validators;
    } & FetchTrace)
  /** A 304: the document has not changed since the response with these validators. */
  | ({ kind: 'not_modified'; validators: Validators } & FetchTrace)
  /** `retryAfterSeconds`, of `rpc_error` only: the whole node fails, and asks to wait this long; 0 if it does not say. */
  | ({ kind: 'unreachable'; reason: UnreachableReason; retryAfterSeconds?: number } & FetchTrace)
  /** `isPending`: a 202 of a gateway that does not have the document yet. */
  | ({ kind: 'bad_status'; status: number; isPending?: boolean; body: string; retryAfterSeconds?: number } & FetchTrace)
  | ({ kind: 'undecodable'; reason: UndecodableReason; body: string } & FetchTrace)
  /** The contract says that the token does not exist. */
  | ({ kind: 'no_token'; reason: 'contract_reverted' } & FetchTrace);
