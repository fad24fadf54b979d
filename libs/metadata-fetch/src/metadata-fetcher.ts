import type { FetchOutcome, Validators } from './fetch-outcome.js';

/** Where a collection's metadata comes from. */
export type MetadataLocation = { kind: 'metadata_api'; url: string };

export interface FetchTarget {
  source: MetadataLocation;
  /** Decimal uint256. */
  tokenId: string;
  /** From the last successful fetch, so that an unchanged document costs a 304. */
  validators?: Validators;
}

/** Gets one token's metadata: locate, request, decode, normalise. One attempt; when to try again is the caller's story. */
export abstract class MetadataFetcher {
  /** Never rejects for what a stranger's server does. `signal` ends the attempt early (shutdown). */
  abstract fetch(target: FetchTarget, signal?: AbortSignal): Promise<FetchOutcome>;
}
