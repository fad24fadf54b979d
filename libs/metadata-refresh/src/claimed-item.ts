import type { MetadataLocation, Validators } from '@app/metadata-fetch';

/** One item, held for one lease. */
export interface ClaimedItem {
  id: string;
  /** The fence: a result counts only while the item still carries this number. */
  claimCount: number;
  attemptCount: number;
  laneId: number;
  refreshId: string;
  collectionId: string;
  tokenId: string;
  source: MetadataLocation;
  /** Of the record as it was when the item was claimed. */
  validators?: Validators;
}
