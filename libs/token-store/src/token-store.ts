import type { EntityManager } from '@mikro-orm/postgresql';
import type { MetadataChange } from './metadata-change.js';
import type { FailureWrite, MetadataWrite } from './token-metadata.js';
import { formatPageCursor, parsePageCursor } from './search/page-cursor.js';
import type { TokenFilters } from './search/trait-conditions.js';
import { tokenOrder, type TokenOrder } from './token-order.js';
import type { TokenRecord, TokenReference } from './token-record.js';
import { OrderNotSupported } from './token-store.errors.js';

/** Which tokens a listing page wants. All filters must hold. */
export interface TokenQuery extends TokenFilters {
  collectionId: string;
  /** 1–1,000; default 100. */
  limit?: number;
  /** Only tokens behind this id, in numeric order. */
  after?: string;
}

/** The same in any order, page by page. */
export interface TokenPageQuery extends Omit<TokenQuery, 'after'> {
  /** Default: `token_id`. All others list only tokens that have metadata. */
  orderBy?: TokenOrder;
  /** Default: `asc`. */
  direction?: 'asc' | 'desc';
  /** The `next` of the page before. */
  cursor?: string;
}

export interface TokenPage {
  tokens: TokenRecord[];
  /**
   * Where the next page begins; null: that was the last one. Work for one page is bounded: where many tokens match and
   * all of them are far away in this order, a page can have fewer tokens than its limit, or none, and a `next`.
   */
  next: string | null;
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
  /** Of the record. They say whether a document made it, or a picture in the place of one. */
  warnings: readonly string[];
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

  /** Tokens of a collection behind one of them, in numeric order of their ids; fewer than `limit` are the last ones. */
  abstract listTokens(query: TokenQuery): Promise<TokenRecord[]>;

  /**
   * One page of a collection's tokens in any order. Made of `listTokens` here, for stores that have no more, and then by
   * `token_id` alone. Throws OrderNotSupported, InvalidCursor, InvalidTraitRange.
   */
  async pageTokens({ orderBy = 'token_id', direction = 'asc', cursor, ...query }: TokenPageQuery): Promise<TokenPage> {
    const order = tokenOrder(orderBy, direction);
    if (order.label !== 'token_id:asc') throw new OrderNotSupported(order.label);
    const [after] = cursor === undefined ? [] : parsePageCursor(order, cursor);
    const tokens = await this.listTokens({ ...query, ...(after !== undefined && { after }) });
    const last = tokens.length < (query.limit ?? 100) ? undefined : tokens.at(-1);
    return { tokens, next: last ? formatPageCursor(order, [last.tokenId]) : null };
  }

  /** The record and, read with it, the document as served: JSON text, numbers to the last digit; null when there is none. */
  abstract findTokenWithDocument(
    reference: TokenReference,
  ): Promise<{ token: TokenRecord; document: string | null } | null>;

  /** The trait types of a collection in alphabetical order, with the values that tokens have now and their counts. */
  abstract listTraits(query: TraitQuery): Promise<TraitSummary[]>;

  /**
   * What is stored of the last good answers, for conditional requests, and so that a picture is not taken for the document
   * that was there before. Tokens without a good answer are left out.
   */
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
