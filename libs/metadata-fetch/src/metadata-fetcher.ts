import type { FetchedMetadata } from './document/fetched-metadata.js';
import type { StoredDocument } from './document/stored-document.js';
import type { FetchOutcome, Validators } from './fetch-outcome.js';
import type { TokenUri, UriRule } from './uri/uri-rule.js';

/** Where a token's metadata comes from. */
export type MetadataLocation =
  /**
   * A project's Metadata API: a URL with the placeholder `{id}` (decimal digits) or `{id_hex64}`; without one, a slash and
   * the token id are appended. http(s), `ipfs://`, `ipns://` or `ar://`.
   */
  | { kind: 'metadata_api'; url: string }
  /** The token URI, in any form that a contract may return. */
  | TokenUri
  /** The contract at this address, which is called for the token URI. */
  | { kind: 'chain'; chainId: number; address: string; uriRule: UriRule };

/** The token to fetch, and what is stored of its last fetch. */
export interface FetchTarget {
  source: MetadataLocation;
  /** Decimal uint256. */
  tokenId: string;
  /** The collection of the token, if there is one. For your own MetadataSource. */
  collectionId?: string;
  /** Of the last successful fetch, for a conditional request: an unchanged document costs only a 304. */
  validators?: Validators | undefined;
  /**
   * Whether the stored record was made from a document. If so, an image, which has neither name nor traits, is a failure.
   */
  hasDocument?: boolean | undefined;
}

/** Fetches the metadata of one token: locate, request, decode, normalise. One attempt; the caller decides about retries. */
export abstract class MetadataFetcher {
  /** Its promise never rejects because of what a server does. `signal` aborts the attempt (shutdown). */
  abstract fetch(target: FetchTarget, signal?: AbortSignal): Promise<FetchOutcome>;

  /** The same for the document at a URI that a contract returns for itself: what is fetched has `collection`. */
  abstract fetchDocument(uri: string, collectionId: string, signal?: AbortSignal): Promise<FetchOutcome>;

  /**
   * Normalises a document that was stored before, like one that is fetched now. Makes no request, except that a document with `{id}` of
   * a collection on chain asks the node for the standard of the contract.
   */
  abstract readStored(target: FetchTarget, stored: StoredDocument): Promise<FetchedMetadata>;

  /** Whether tokens of this source can be fetched. A chain needs an RPC URL. */
  supports(_source: MetadataLocation): boolean {
    return true;
  }

  /**
   * Why this URL of a Metadata API can never be requested, such as `blocked_address` for a private one; null if it may be.
   * Makes no request, so a public name with a private address is found by the fetch only.
   */
  rejectionReason(_metadataUrl: string): string | null {
    return null;
  }

  /** Announces targets that fetch() will soon receive, as the same objects, so that they can be located in batches. */
  prepare(_targets: readonly FetchTarget[]): void {}
}
