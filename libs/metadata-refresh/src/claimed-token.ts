import { MEDIA_INSTEAD_OF_DOCUMENT, type MetadataLocation, type Validators } from '@app/metadata-fetch';
import type { StoredValidators } from '@app/token-store';

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
  /** It was made of a document, and not of a picture in the place of one; or nobody knows. */
  hasDocument?: boolean;
}

/** The token with what is stored of its last good answer, if it has had one. */
export function withStored(token: ClaimedToken, stored: StoredValidators | undefined): ClaimedToken {
  if (!stored) return token;
  const { metadataUrl: url, etag, lastModified, warnings } = stored;
  const hasValidators = etag !== null || lastModified !== null;
  return {
    ...token,
    ...(hasValidators && { validators: { url, etag: etag ?? undefined, lastModified: lastModified ?? undefined } }),
    hasDocument: !warnings.includes(MEDIA_INSTEAD_OF_DOCUMENT),
  };
}
