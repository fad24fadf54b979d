import type { ChangedField, ChangedTrait } from './metadata-change.js';

/** A version of the record of a token. The first document of a token makes version 1, and each change the next one. */
export interface VersionReference {
  tokenId: string;
  version: number;
}

/** What a version changed, compared with the version before it. The first version has all fields and traits of its document. */
export interface VersionChange extends VersionReference {
  /** Empty when only other parts of the document changed. */
  changedFields: readonly ChangedField[];
  /** Without trait types and values of more than 500 characters, which no filter can find. At most 100. */
  traitsAdded: readonly ChangedTrait[];
  traitsRemoved: readonly ChangedTrait[];
  /** false: there were too many traits for the two lists, and some were left out. */
  hasAllTraits: boolean;
}

/**
 * The port to the versions of token records. A host with a TokenStore of its own may provide one for its records; without one,
 * no changes are found.
 */
export abstract class VersionStore {
  /**
   * What these versions changed, in no particular order. Versions without a record of their change are left out: their token was
   * removed, or retention has deleted them.
   */
  abstract findChanges(collectionId: string, versions: readonly VersionReference[]): Promise<VersionChange[]>;
}
