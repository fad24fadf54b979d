import type { RequestFailureReason } from '@app/safe-http';
import type { FetchedMetadata } from './document/fetched-metadata.js';

/** Why no complete response is in hand. */
export type UnreachableReason =
  | RequestFailureReason
  /** There is no token URI, or it is empty. */
  | 'no_uri'
  /** Nothing is deployed at the collection's address. */
  | 'no_contract'
  /** The contract refuses to name the token URI. */
  | 'contract_reverted'
  /** The node of the chain did not answer, or not to this. Says nothing about the token. */
  | 'rpc_error';

/** Why a complete answer, of status 200 or of a contract, is no metadata. */
export type UndecodableReason =
  | 'empty_body'
  | 'invalid_json'
  | 'not_json'
  | 'wrong_type'
  | 'too_deep'
  | 'empty_metadata'
  /** Nothing in it that a listing page could show. */
  | 'no_known_fields'
  /** A picture or a film, where a Metadata API answers, or where the record's last answer was a document. */
  | 'media_instead_of_document'
  | 'invalid_data_uri'
  | 'invalid_encoding'
  /** What the contract answered is no text. */
  | 'invalid_token_uri';

/** What a server sent so that the next request can ask "has it changed?". */
export interface Validators {
  /** Whose they are: they are sent with a request for exactly this. */
  url: string;
  etag?: string | undefined;
  lastModified?: string | undefined;
}

/** The measured side of one attempt, present on every outcome that made a request. */
export interface FetchTrace {
  /** What was requested, without credentials; '' when nothing could be. */
  url: string;
  durationMs: number;
  /** Body bytes received, after decompression. */
  bytes: number;
  /** The requests to other gateways, which did not decide: in the order in which they were made, perhaps after this one. */
  otherRequests: readonly FailedRequest[];
}

/** One request of an attempt that had no document, while another one, to another gateway, decided. */
export interface FailedRequest {
  url: string;
  status: number | null;
  reason: string;
  durationMs: number;
  bytes: number;
}

/**
 * Everything a fetch can end in. A stranger's server misbehaving is an ordinary day, so it is a value and never
 * thrown; a `switch` over `kind` must name every case.
 */
export type FetchOutcome =
  | ({ kind: 'fetched'; metadata: FetchedMetadata; validators: Validators } & FetchTrace)
  /** The document is still the one that these validators, which were sent, belong to. */
  | ({ kind: 'not_modified'; validators: Validators } & FetchTrace)
  /** retryAfterSeconds, of `rpc_error` only: all of the node is in trouble; 0 if it does not say for how long. */
  | ({ kind: 'unreachable'; reason: UnreachableReason; retryAfterSeconds?: number } & FetchTrace)
  /** isPending: the 202 of a gateway, which does not have the document yet. */
  | ({ kind: 'bad_status'; status: number; isPending?: boolean; body: string; retryAfterSeconds?: number } & FetchTrace)
  | ({ kind: 'undecodable'; reason: UndecodableReason; body: string } & FetchTrace)
  /** The contract says that there is no such token. */
  | ({ kind: 'no_token'; reason: 'contract_reverted' } & FetchTrace);
