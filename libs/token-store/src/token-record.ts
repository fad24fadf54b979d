import type { Attribute, Localization, MetadataSourceKind } from './token-metadata.js';

/** `pending`: never fetched · `ok` · `stale`: good metadata, but the last attempt failed · `failed`: no metadata yet, the last attempt failed. */
export type MetadataStatus = 'pending' | 'ok' | 'stale' | 'failed';

/** One token, named from the outside. */
export interface TokenReference {
  collectionId: string;
  tokenId: string;
}

/** A token and its current metadata: what listing pages read. Times are the database's. */
export interface TokenRecord {
  chainId: number;
  /** EIP-55 is for display; here lower case. */
  collectionAddress: string;
  collectionId: string;
  /** Decimal digits. A uint256 does not fit a JavaScript number. */
  tokenId: string;
  name: string | null;
  description: string | null;
  imageUrl: string | null;
  imageOriginal: string | null;
  /** Moves when `imageUrl` changes, for cache keys of thumbnails. */
  imageVersion: number;
  animationUrl: string | null;
  animationOriginal: string | null;
  externalUrl: string | null;
  youtubeUrl: string | null;
  backgroundColor: string | null;
  decimals: number | null;
  localization: Localization | null;
  attributes: Attribute[];
  warnings: string[];
  metadataStatus: MetadataStatus;
  metadataUrl: string | null;
  metadataSource: MetadataSourceKind | null;
  /** +1 at every change of content. */
  metadataVersion: number;
  contentHash: string | null;
  lastAttemptAt: Date | null;
  lastSuccessAt: Date | null;
  /** Moves only when the content changed. */
  changedAt: Date | null;
  /** Since when the shown metadata may be out of date: the first failure after the last success. */
  staleSince: Date | null;
  lastErrorCode: string | null;
  lastErrorReason: string | null;
  failCount: number;
  lastRefreshId: string | null;
}
