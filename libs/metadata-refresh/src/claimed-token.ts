import { MEDIA_INSTEAD_OF_DOCUMENT, type MetadataLocation, type Validators } from '@app/metadata-fetch';
import type { StoredToken } from '@app/token-store';

/** One item, claimed for one lease. */
export interface ClaimedItem {
  id: string;
  refreshId: string;
  /** The fencing token: a result counts only while the item still has this number. */
  claimCount: number;
  attemptCount: number;
  /** Claims that ended without an attempt: released, or lost and followed by a later claim. */
  releaseCount: number;
}

/** A token to be fetched once, for all items that wait for it. */
export interface ClaimedToken {
  collectionId: string;
  tokenId: string;
  /** The source of the newest refresh that waits for it. */
  source: MetadataLocation;
  /** The metadata host, as the lane names it. */
  host: string;
  /** Concurrent requests that this host receives from all processes together. */
  hostLimit: number;
  /** 0: an interactive request. */
  priority: number;
  /**
   * Of two fetches of one token, the one with the larger number was claimed later. They overlap only if two workers claim
   * duplicates of the token within milliseconds.
   */
  fetchSeq: string;
  /** At least one. */
  items: readonly ClaimedItem[];
  /** The validators of the record at the time of the claim. */
  validators?: Validators;
  /** Whether the record comes from a document, not from media that was served instead; absent: unknown. */
  hasDocument?: boolean;
  /** What the token store knew at the time of the claim; it gets it back with the result. */
  known?: unknown;
}

/** Adds what is stored: the validators of the last successful response, if there is one, and the store's own state. */
export function withStored(token: ClaimedToken, stored: StoredToken | undefined): ClaimedToken {
  if (!stored) return token;
  const { metadataUrl: url, etag, lastModified, warnings, known } = stored;
  if (url === null) return { ...token, known };
  const hasValidators = etag !== null || lastModified !== null;
  return {
    ...token,
    ...(hasValidators && { validators: { url, etag: etag ?? undefined, lastModified: lastModified ?? undefined } }),
    hasDocument: !warnings.includes(MEDIA_INSTEAD_OF_DOCUMENT),
    known,
  };
}
