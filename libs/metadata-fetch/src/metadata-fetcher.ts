import type { FetchOutcome, Validators } from './fetch-outcome.js';
import type { TokenUri, UriRule } from './uri/uri-rule.js';

/** Where a token's metadata comes from. */
export type MetadataLocation =
  /**
   * A project's Metadata API: this URL with `{id}` (decimal digits) or `{id_hex64}` filled in; without one, a slash and the
   * token id are appended. http(s), `ipfs://`, `ipns://` or `ar://`.
   */
  | { kind: 'metadata_api'; url: string }
  /** What a contract answers for the token, in any of its forms. */
  | TokenUri
  /** What the contract at this address will answer, when it is asked. */
  | { kind: 'chain'; chainId: number; address: string; uriRule: UriRule };

export interface FetchTarget {
  source: MetadataLocation;
  /** Decimal uint256. */
  tokenId: string;
  /** Whose token it is, where there are collections. For a MetadataSource of the host's. */
  collectionId?: string;
  /** From the last successful fetch, so that an unchanged document costs a 304. */
  validators?: Validators | undefined;
  /**
   * The last good answer was a document, and not a picture at the token URI: then a picture, which has neither name nor
   * traits, is a failure.
   */
  hasDocument?: boolean | undefined;
}

/** Gets one token's metadata: locate, request, decode, normalise. One attempt; when to try again is the caller's story. */
export abstract class MetadataFetcher {
  /** Never rejects for what a stranger's server does. `signal` ends the attempt early (shutdown). */
  abstract fetch(target: FetchTarget, signal?: AbortSignal): Promise<FetchOutcome>;

  /** Whether tokens of this source can be fetched here: of a chain, only with an RPC URL for it. */
  supports(_source: MetadataLocation): boolean {
    return true;
  }

  /** These tokens, the same objects, are fetched soon: what can be asked for all of them at once may be asked now. */
  prepare(_targets: readonly FetchTarget[]): void {}
}
