import type { EntityManager } from '@mikro-orm/postgresql';
import type { ChangedField, ChangedTrait } from './metadata-change.js';
import type { HoldEnd, TokenReference } from './token-record.js';

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

/** The document of a version. */
export interface KeptDocument {
  /** JSON text as served, numbers to the last digit. */
  document: string;
  /** The warnings of the document. */
  warnings: readonly string[];
  /** Its owner sent it; it was not fetched. */
  isPushed: boolean;
}

/** A version with its document. */
export interface VersionDocument extends Omit<KeptDocument, 'document'> {
  version: TokenVersion;
  /** As in `KeptDocument`; null: it is no longer kept. */
  document: string | null;
}

/** Which versions to list. */
export interface VersionQuery extends TokenReference {
  /** 1–1,000. */
  limit: number;
  /** Only versions with a smaller number. */
  before?: number | undefined;
}

/** A token whose hold has ended. */
export interface EndedHold extends TokenReference {
  /** A refresh met the hold: the token is to be refreshed. */
  isRefreshWanted: boolean;
}

/** Which versions are kept. */
export interface VersionLimits {
  /** The newest versions of each token, the present one included, which are kept with their documents. 0 is the same as 1. */
  keep: number;
  /** Older versions than those are deleted, if they are from before this time. Later ones may be cited by receipts of refreshes. */
  citedSince: Date;
}

/** What retention has deleted. */
export interface DeletedVersions {
  /** Documents of versions that are kept. */
  documents: number;
  /** Versions with their documents. */
  versions: number;
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

  /**
   * Keeps records as they are until this time: `StoredToken.keptAs` is `held`, and the result of a fetch is not written. In the caller's
   * transaction, which has locked the records. Replaces the ends of holds. Returns whether the time is in the future, by the clock of the
   * database; if not, nothing was written.
   */
  abstract hold(em: EntityManager, references: readonly TokenReference[], until: HoldEnd): Promise<boolean>;

  /**
   * Ends the holds of these tokens now; `takeEndedHolds` then finds them. In the caller's transaction, which has locked the records if
   * there are several. Returns how many there were.
   */
  abstract endHolds(em: EntityManager, references: readonly TokenReference[]): Promise<number>;

  /**
   * Removes the holds of these tokens, and forgets that refreshes met them: `takeEndedHolds` does not find them. In the caller's
   * transaction, which has locked the records.
   */
  abstract dropHolds(em: EntityManager, references: readonly TokenReference[]): Promise<void>;

  /**
   * Notes that a refresh met the holds of these tokens. In the transaction that completes it; locks the records in key order. Returns the
   * tokens whose hold has not been taken by `takeEndedHolds`: the others are to be fetched.
   */
  abstract requestAfterHold(em: EntityManager, references: readonly TokenReference[]): Promise<TokenReference[]>;

  /** The collections that have tokens whose hold has ended, at most 100. */
  abstract findEndedHolds(): Promise<string[]>;

  /** Removes holds that have ended, of these collections, at most `limit`. In the caller's transaction, safe beside others. */
  abstract takeEndedHolds(em: EntityManager, collectionIds: readonly string[], limit: number): Promise<EndedHold[]>;

  /**
   * Deletes what is not to be kept any more, in short transactions of its own, and bounded: the next call continues where this one ended.
   * Returns what was deleted.
   */
  abstract deleteExpired(limits: VersionLimits): Promise<DeletedVersions>;
}
