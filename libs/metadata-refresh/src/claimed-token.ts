import type { MetadataLocation, Validators } from '@app/metadata-fetch';

/** One item, held for one lease. */
export interface ClaimedItem {
  id: string;
  refreshId: string;
  /** The fence: a result counts only while the item still carries this number. */
  claimCount: number;
  attemptCount: number;
  /** Claims that are over without an answer of their own: handed back, or lost and made up for by a later one. */
  releaseCount: number;
}

/** A token to be fetched once, for every item that waits for it. */
export interface ClaimedToken {
  collectionId: string;
  tokenId: string;
  /** Of the newest of the refreshes that wait for it. */
  source: MetadataLocation;
  /** The metadata host, as its lane calls it. */
  host: string;
  /** Requests that this host takes at once, by all processes together. */
  hostLimit: number;
  /** 0: an interactive request. */
  priority: number;
  /**
   * Of two fetches of one token, the one with the larger number was claimed later. They do not overlap, unless two
   * workers claim duplicates of the token within milliseconds.
   */
  fetchSeq: string;
  /** At least one. */
  items: readonly ClaimedItem[];
  /** Of the record as it was when the token was claimed. */
  validators?: Validators;
}
