import type { ChangedField, ChangedTrait } from './metadata-change.js';
import type { TokenReference } from './token-record.js';

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

/** A version in the history of a token. */
export interface TokenVersion extends VersionChange {
  /** By the clock of the database. */
  createdAt: Date;
  /** The refresh that made it, which may have expired; null: unknown. */
  refreshId: string | null;
  /** What requested that refresh; null: unknown. */
  trigger: string | null;
  contentHash: string;
  /** Whether its document is kept. The present one always is. */
  hasDocument: boolean;
}

/** A version with its document. */
export interface VersionDocument {
  version: TokenVersion;
  /** JSON text as served, numbers to the last digit; null: it is not kept any more. */
  document: string | null;
  /** The warnings of the document. */
  warnings: readonly string[];
}

/** Which versions to list. */
export interface VersionQuery extends TokenReference {
  /** 1–1,000. */
  limit: number;
  /** Only versions with a smaller number. */
  before?: number | undefined;
}

/** Two versions of a token, in any order. */
export interface VersionPair extends TokenReference {
  from: number;
  to: number;
}

/**
 * The port to the versions of token records. A host with a TokenStore of its own may provide one for its records; without one,
 * no changes are found, and the history of a token throws VersionsNotSupported.
 */
export abstract class VersionStore {
  /**
   * What these versions changed, in no particular order. Versions without a record of their change are left out: their token was
   * removed, or retention has deleted them.
   */
  abstract findChanges(collectionId: string, versions: readonly VersionReference[]): Promise<VersionChange[]>;

  /** The versions of a token, newest first; none for a token that is not registered. */
  abstract listVersions(query: VersionQuery): Promise<TokenVersion[]>;

  /** null: there is no such version, or retention has deleted it. */
  abstract findVersion(reference: TokenReference, version: number): Promise<VersionDocument | null>;

  /**
   * What changed from one version to another. Traits are exact; fields are all that any version between changed, so that one which
   * changed back is among them. The caller knows that both versions exist.
   */
  abstract findChangesBetween(pair: VersionPair): Promise<Omit<VersionChange, 'version' | 'tokenId'>>;
}
