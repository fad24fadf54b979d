import type { Attribute, Localization, MetadataSourceKind } from './token-metadata.js';

/** When a hold ends. */
export type HoldEnd = Date | 'forever';

/** `pending`: never fetched · `ok` · `stale`: good metadata, but the last attempt failed · `failed`: no metadata yet, the last attempt failed. */
export type MetadataStatus = 'pending' | 'ok' | 'stale' | 'failed';

/** Identifies a token. */
export interface TokenReference {
  collectionId: string;
  tokenId: string;
}

/** A token and its current metadata, as listing pages read it. Times are those of the database. */
export interface TokenRecord {
  chainId: number;
  /** Lower case, without the EIP-55 checksum. */
  collectionAddress: string;
  collectionId: string;
  /** Decimal digits. A uint256 does not fit a JavaScript number. */
  tokenId: string;
  name: string | null;
  description: string | null;
  imageUrl: string | null;
  imageOriginal: string | null;
  /** Incremented when `imageUrl` changes, for cache keys of thumbnails. */
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
  /** The project that sent the document; null: it was fetched. */
  pushedBy: string | null;
  /** Incremented at every change of content. */
  metadataVersion: number;
  contentHash: string | null;
  lastAttemptAt: Date | null;
  lastSuccessAt: Date | null;
  /** When the content last changed. */
  changedAt: Date | null;
  /** When the metadata became stale: the first failure after the last success. */
  staleSince: Date | null;
  /** When its contract was seen to have burned it; null: it was not. The metadata stays. */
  burnedAt: Date | null;
  lastErrorCode: string | null;
  lastErrorReason: string | null;
  failCount: number;
  lastRefreshId: string | null;
  registeredAt: Date;
  /** Until when no refresh changes the record; null or absent: it is not held. */
  heldUntil?: HoldEnd | null;
}

/** What a token is called, and which content it has. */
export type TokenName = Pick<TokenRecord, 'tokenId' | 'name' | 'contentHash'>;
