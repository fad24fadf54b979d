import type { EntityManager } from '@mikro-orm/postgresql';
import type { MetadataChange } from './metadata-change.js';
import type { FailureWrite, MetadataWrite } from './token-metadata.js';
import type { TokenRecord, TokenReference } from './token-record.js';

/** Which tokens a listing page wants. All filters must hold. */
export interface TokenQuery {
  collectionId: string;
  /** Per trait type, any of these values (text form: `5`, `true`). */
  traits?: Readonly<Record<string, readonly string[]>>;
  /** Part of the name, in any case. */
  nameContains?: string;
  /** 1–1,000; default 100. */
  limit?: number;
  /** Only tokens behind this id, in numeric order. */
  after?: string;
}

/** One trait type of a collection, as a filter of a listing page shows it. */
export interface TraitSummary {
  traitType: string;
  /** How many different values tokens have now. */
  valueCount: number;
  /** Of the numeric values, to the last digit; null when there is none. */
  minimum: string | null;
  maximum: string | null;
  /** The most frequent first. */
  values: { value: string; tokenCount: number }[];
}

export interface TokenLimit {
  /** Tokens that the collection may hold, those included that are registered already. */
  collectionTokens?: number;
}

export interface TraitQuery {
  collectionId: string;
  /** Values listed for each type; 1–1,000, default 100. */
  valuesPerType?: number;
}

/**
 * How one write ended. `superseded`: a fetch that started later was already there. `missing`: the token is not
 * registered (any more). `outdated`: "not modified" was said of another version than the one that is stored by now.
 */
export type WriteResult = 'changed' | 'unchanged' | 'superseded' | 'missing' | 'outdated';

/** What a token's last good answer said about itself, to ask "has it changed?" the next time. */
export interface StoredValidators extends TokenReference {
  /** What was requested: validators say nothing about another URL. */
  metadataUrl: string;
  etag: string | null;
  lastModified: string | null;
}

/**
 * The port between refreshing and everything that shows tokens. Listing modules read records here; a marketplace's own
 * indexer registers tokens here; the refresh worker writes here. A host may keep token records in a table of its own by
 * providing another TokenStore.
 *
 * Promises to readers: a failure never changes the last good metadata; a record is read whole, old or new, never a
 * mixture; `changedAt` moves only when the content changed; the document is kept as served.
 */
export abstract class TokenStore {
  /**
   * Make tokens known, 10,000 or more in one call. Known ones are left alone. Returns how many are new. Throws
   * InvalidTokenId, UnknownCollection, and CollectionFull beyond a limit that the caller sets; then none is registered.
   */
  abstract registerTokens(collectionId: string, tokenIds: readonly string[], limit?: TokenLimit): Promise<number>;

  /** How many tokens of a collection are registered. */
  abstract countTokens(collectionId: string): Promise<number>;

  /**
   * Forget tokens and their metadata: these, or all of the collection. In short statements, safe beside workers: what
   * they are fetching for a removed token fails as `token_not_found`. Returns how many there were.
   */
  abstract removeTokens(collectionId: string, tokenIds?: readonly string[]): Promise<number>;

  /** Which of these are not registered. Inside the caller's transaction, so that accepting a refresh sees one state. */
  abstract findUnknown(em: EntityManager, collectionId: string, tokenIds: readonly string[]): Promise<string[]>;

  abstract findToken(reference: TokenReference): Promise<TokenRecord | null>;

  /** Records of many tokens in one statement, in no particular order; unknown ones are left out. */
  abstract findTokens(references: readonly TokenReference[]): Promise<TokenRecord[]>;

  /** Tokens of a collection by cursor, in numeric order of their ids. */
  abstract listTokens(query: TokenQuery): Promise<TokenRecord[]>;

  /** The record and, read with it, the document as served: JSON text, numbers to the last digit; null when there is none. */
  abstract findTokenWithDocument(
    reference: TokenReference,
  ): Promise<{ token: TokenRecord; document: string | null } | null>;

  /** The trait types of a collection in alphabetical order, with the values that tokens have now and their counts. */
  abstract listTraits(query: TraitQuery): Promise<TraitSummary[]>;

  /** For conditional requests: what is stored of `ETag` and `Last-Modified`; tokens with neither are left out. */
  abstract findValidators(references: readonly TokenReference[]): Promise<StoredValidators[]>;

  /** Lock the records that a transaction is going to write in several steps, in key order. */
  abstract lockTokens(em: EntityManager, references: readonly TokenReference[]): Promise<void>;

  /**
   * Write a batch of successes inside the caller's transaction: document, columns, traits and trait counts together.
   * Results are in the order of the writes. Locks token rows, then trait rows, each in key order. `onChange` is given
   * when somebody is told of changes: it is called for each record whose content changed.
   */
  abstract writeMetadata(
    em: EntityManager,
    writes: readonly MetadataWrite[],
    onChange?: (change: MetadataChange) => void,
  ): Promise<WriteResult[]>;

  /** Note a batch of failures inside the caller's transaction. No good metadata is touched. */
  abstract recordFailures(em: EntityManager, failures: readonly FailureWrite[]): Promise<void>;
}
