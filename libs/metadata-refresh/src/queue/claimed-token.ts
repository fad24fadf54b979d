import { MEDIA_INSTEAD_OF_DOCUMENT, type MetadataLocation, type Validators } from '@app/metadata-fetch';
import type { KeptAs, StoredToken } from '@app/token-store';
import type { ClaimTrace } from '../refresh-trace.js';
import type { RefreshTrigger } from '../refresh-trigger.js';

/** Tokens of one chunk, claimed for one lease. All tokens of the chunk share it. */
export interface ClaimedItem {
  chunkId: string;
  refreshId: string;
  trigger: RefreshTrigger;
  /** The number of the acceptance of the refresh. A fetch with a larger `fetchSeq` began later. */
  acceptedSeq: string;
  /** The fencing token: a result counts only while the chunk still has this number. */
  claimCount: number;
  /** Attempts before this one. */
  attemptCount: number;
  /** Consecutive claims before this one that ended by lease expiry. */
  lostCount: number;
  /** Absent: the refresh is not traced. */
  trace?: ClaimTrace;
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
  /** The number of the claim. Of two fetches of one token, the one with the larger number began later. */
  fetchSeq: string;
  /** At least one, of the newest refresh first. */
  items: readonly ClaimedItem[];
  /** Its document is staged for this reveal, and not written to the record. Absent: it is written. */
  revealId?: string;
  /** The validators of the record at the time of the claim. */
  validators?: Validators;
  /** Whether the record comes from a document, not from media that was served instead; absent: unknown. */
  hasDocument?: boolean;
  /** The number of the last successful fetch before this claim, if the token store tells it. */
  lastFetchSeq?: string | undefined;
  /** The number of the last fetch before this claim that changed the content. */
  lastChangeSeq?: string | undefined;
  /** The refresh whose source the last successful fetch used, if the token store tells it. */
  lastRefreshId?: string | null | undefined;
  /** The version of the record before this fetch, if the token store tells it. */
  metadataVersion?: number | undefined;
  /** Why no fetch may replace the record: nothing is fetched. */
  keptAs?: KeptAs | null | undefined;
  /** What the token store knew at the time of the claim; it gets it back with the result. */
  known?: unknown;
}

/** Adds what is stored: the validators of the last successful response, if there is one, and the store's own state. */
export function withStored(token: ClaimedToken, stored: StoredToken | undefined): ClaimedToken {
  if (!stored) return token;
  const { metadataUrl: url, etag, lastModified, warnings, known } = stored;
  const hasDocument = !warnings.includes(MEDIA_INSTEAD_OF_DOCUMENT);
  // A reveal needs the whole document, whatever the record has and for whatever reason it is kept.
  if (token.revealId !== undefined) return url === null ? token : { ...token, hasDocument };
  const { lastFetchSeq, lastChangeSeq, lastRefreshId, metadataVersion, keptAs } = stored;
  // Of a record that was pushed, too.
  if (url === null) return { ...token, metadataVersion, keptAs, known };
  const hasValidators = etag !== null || lastModified !== null;
  return {
    ...token,
    ...(hasValidators && { validators: { url, etag: etag ?? undefined, lastModified: lastModified ?? undefined } }),
    hasDocument,
    lastFetchSeq,
    lastChangeSeq,
    lastRefreshId,
    metadataVersion,
    keptAs,
    known,
  };
}
