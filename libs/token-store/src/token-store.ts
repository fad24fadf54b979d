import type { EntityManager } from '@mikro-orm/postgresql';
import type { RawBuilder } from 'kysely';
import type { MetadataChange } from './metadata-change.js';
import type { FailureWrite, MetadataWrite } from './token-metadata.js';
import { formatPageCursor, parsePageCursor } from './search/page-cursor.js';
import type { TokenFilters } from './search/trait-filter.js';
import { tokenOrder, type TokenOrder } from './token-order.js';
import type { TokenName, TokenRecord, TokenReference } from './token-record.js';
import {
  isEverything,
  rangesAfter,
  type TokenIdPage,
  type TokenIdQuery,
  type TokenSelection,
} from './token-selection.js';
import { OrderNotSupported } from './token-store.errors.js';

/** Which tokens to list. All filters must hold. */
export interface TokenQuery extends TokenFilters {
  collectionId: string;
  /** 1–1,000; default 100. */
  limit?: number;
  /** Only tokens with a larger id. */
  after?: string;
}

/** As TokenQuery, in any order, page by page. */
export interface TokenPageQuery extends Omit<TokenQuery, 'after'> {
  /** Only tokens beyond this id, in the direction of the list. With the order `token_id`, instead of a cursor. */
  after?: string;
  /** Default: `token_id`. The other orders list only tokens that have metadata. */
  orderBy?: TokenOrder;
  /** Default: `asc`. */
  direction?: 'asc' | 'desc';
  /** The `next` of the previous page. */
  cursor?: string;
}

/** Which tokens of a collection to list by the time of their last update, in the order of token ids. */
export interface UpdatedTokensQuery {
  collectionId: string;
  /** Only tokens that were registered, or whose content changed, then or later. */
  updatedSince: Date;
  /** 1–1,000; default 100. */
  limit?: number;
  /** Default: `asc`. */
  direction?: 'asc' | 'desc';
  /** Only tokens beyond this id, in the direction of the list. */
  after?: string;
}

/** A page of them. */
export interface UpdatedTokensPage {
  tokens: TokenRecord[];
  /**
   * The last token id that was looked at; null: nothing is beyond it. The work for one page is bounded, so it can have fewer tokens
   * than its limit, or none, and a `next`.
   */
  next: string | null;
}

/** One page of tokens. */
export interface TokenPage {
  tokens: TokenRecord[];
  /**
   * The cursor of the next page; null: this was the last page. The work for one page is bounded, so a page can have fewer
   * tokens than its limit, or none, and a `next`: when matches are far away in this order, or when two common traits
   * have few tokens in common.
   */
  next: string | null;
}

/** One trait type of a collection, for the filters of a listing page. */
export interface TraitSummary {
  traitType: string;
  /** How many different values the tokens have now. */
  valueCount: number;
  /** The smallest numeric value, as exact decimal text; null when no value is a number. */
  minimum: string | null;
  maximum: string | null;
  /** The most frequent first. */
  values: { value: string; tokenCount: number }[];
}

/** A limit on the tokens of a collection. */
export interface TokenLimit {
  /** Tokens that the collection may hold, including those that are registered already. */
  collectionTokens?: number;
}

/** Which traits to list. */
export interface TraitQuery {
  collectionId: string;
  /** Values listed for each type; 1–1,000, default 100. */
  valuesPerType?: number;
}

/**
 * How one write ended. `held`: the record is kept as it is for now (see `VersionStore.hold`). `superseded`: the result of a later fetch is already stored, or metadata that was pushed and that no fetch replaces. `missing`: the token is not
 * registered (any more). `outdated`: a "not modified" response was about another version than the one stored now.
 */
export type WriteResult = 'changed' | 'unchanged' | 'superseded' | 'held' | 'missing' | 'outdated';

/** `held`: the record is kept as it is for now. `superseded`: it was pushed, and its collection lets no fetch replace it. */
export type KeptAs = Extract<WriteResult, 'held' | 'superseded'>;

/** What a caller of `writeMetadata` wants to know or to defer. */
export interface WriteOptions {
  /** Is called for each record whose content changed. */
  onChange?: ((change: MetadataChange) => void) | undefined;
  /**
   * Is called for each write that did not end as `missing`, with the version of the record after the batch: a number that rises by one with every change of the content. Not called if the store has no versions.
   */
  onVersion?: ((write: MetadataWrite, version: number) => void) | undefined;
  /**
   * Receives the part of the write that locks rows which many transactions want, the trait counts: run it once, late in the
   * same transaction. Several writes of a transaction that are given the same function defer one piece of work. Without `defer` it runs
   * at once.
   */
  defer?: ((work: () => Promise<void>) => void) | undefined;
  /** Whether a document that is replaced is kept, so that its version can be read and restored. Default: true. */
  keepReplaced?: boolean | undefined;
  /**
   * The documents were not fetched: only the content changes, and what the record says about fetches stays, except that validators
   * are cleared, because a "not modified" response would speak of another document. Also writes records that are held.
   */
  withoutFetch?: boolean | undefined;
}

/** What is stored of a token when a fetch of it begins. */
export interface StoredToken extends TokenReference {
  /** The URL of the last good response. Validators are valid for this URL only. null: there was no good response yet. */
  metadataUrl: string | null;
  etag: string | null;
  lastModified: string | null;
  /** Warnings of the record. They tell whether it was made from a document or from an image in its place. */
  warnings: readonly string[];
  /** The `fetchSeq` of the last successful fetch; '0': there was none. Absent: the store does not know. */
  lastFetchSeq?: string;
  /** The `fetchSeq` of the last fetch that changed the content; '0': there was none. Absent: the store does not know. */
  lastChangeSeq?: string;
  /**
   * The `refreshId` of the last successful fetch; null: there was none, or a later fetch failed. Without it, a token is
   * fetched for each refresh, because another refresh may have had another source. Absent: the store does not know.
   */
  lastRefreshId?: string | null;
  /** The version of the record, as `WriteOptions.onVersion` tells it; 0: there is none. Absent: the store does not know. */
  metadataVersion?: number;
  /** Why no fetch may replace the record. The token is not fetched then, and ends with this verdict. Absent or null: it is fetched. */
  keptAs?: KeptAs | null;
  /**
   * A value that only the store reads. It comes back in `MetadataWrite.known`, so that the store can tell whether the record
   * is still as it was now, without reading it again. Absent: the store does not use it.
   */
  known?: unknown;
}

/** When a token was fetched, changed and burned: what a refresh by age decides with. */
export type TokenAge = Pick<TokenRecord, 'tokenId' | 'lastAttemptAt' | 'changedAt' | 'burnedAt'>;

/** The most records that `listTokens` returns. */
const LIST_LIMIT = 1000;

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
   * Registers tokens, 10,000 or more in one call. Those that are registered already do not change. Returns how many are
   * new. Throws InvalidTokenId, UnknownCollection, and CollectionFull beyond `limit`; then none is registered.
   */
  abstract registerTokens(collectionId: string, tokenIds: readonly string[], limit?: TokenLimit): Promise<number>;

  /** How many tokens of a collection are registered. */
  abstract countTokens(collectionId: string): Promise<number>;

  /**
   * Deletes tokens and their metadata: these, or all of the collection. In short transactions, safe beside workers: a fetch
   * for a removed token fails as `token_not_found`. Returns how many were deleted.
   */
  abstract removeTokens(collectionId: string, tokenIds?: readonly string[]): Promise<number>;

  /** Returns those that are not registered. Inside the caller's transaction, so that accepting a refresh sees one state. */
  abstract findUnknown(em: EntityManager, collectionId: string, tokenIds: readonly string[]): Promise<string[]>;

  /**
   * Records that these tokens were burned, or, with false, that they exist after all, inside the caller's transaction. Their metadata
   * does not change. Locks token rows in key order. Tokens that are not registered are left out. This default implementation does
   * nothing: then burned tokens are refreshed like all others.
   */
  async setBurned(
    _em: EntityManager,
    _collectionId: string,
    _tokenIds: readonly string[],
    _isBurned: boolean,
  ): Promise<void> {}

  /** Those of these tokens that were burned. This default implementation returns none. */
  async findBurned(_collectionId: string, _tokenIds: readonly string[]): Promise<string[]> {
    return [];
  }

  abstract findToken(reference: TokenReference): Promise<TokenRecord | null>;

  /** Records of many tokens in one statement, in no particular order; unknown ones are left out. With `em`, inside the caller's transaction. */
  abstract findTokens(references: readonly TokenReference[], em?: EntityManager): Promise<TokenRecord[]>;

  /**
   * What these tokens are called, in no particular order; unknown ones are left out. This default implementation reads whole records:
   * override it when your store can read the names alone.
   */
  async findNames(collectionId: string, tokenIds: readonly string[]): Promise<TokenName[]> {
    return this.findTokens(tokenIds.map((tokenId) => ({ collectionId, tokenId })));
  }

  /**
   * Tokens of a collection in numeric order of their ids; fewer than `limit` are the last ones. The work is not bounded:
   * it reads on until it has enough. With several filters or a rare name in a large collection prefer `pageTokens`.
   */
  abstract listTokens(query: TokenQuery): Promise<TokenRecord[]>;

  /**
   * One page of a collection's tokens in any order. This default implementation calls `listTokens` and supports only the
   * order `token_id`. Throws OrderNotSupported, InvalidCursor, InvalidTraitRange.
   */
  async pageTokens({
    orderBy = 'token_id',
    direction = 'asc',
    cursor,
    after: beyond,
    ...query
  }: TokenPageQuery): Promise<TokenPage> {
    const order = tokenOrder(orderBy, direction);
    if (order.label !== 'token_id:asc') throw new OrderNotSupported(order.label);
    const [after = beyond] = cursor === undefined ? [] : parsePageCursor(order, cursor);
    const tokens = await this.listTokens({ ...query, ...(after !== undefined && { after }) });
    const last = tokens.length < (query.limit ?? 100) ? undefined : tokens.at(-1);
    return { tokens, next: last ? formatPageCursor(order, [last.tokenId]) : null };
  }

  /**
   * One page of the tokens that were updated since a time. This default implementation filters one page of `pageTokens`. Throws
   * OrderNotSupported.
   */
  async pageUpdated({ updatedSince, ...query }: UpdatedTokensQuery): Promise<UpdatedTokensPage> {
    const { tokens, next } = await this.pageTokens(query);
    const updated = tokens.filter(
      ({ registeredAt, changedAt }) =>
        registeredAt >= updatedSince || (changedAt !== null && changedAt >= updatedSince),
    );
    return { tokens: updated, next: next === null ? null : tokens.at(-1)!.tokenId };
  }

  /**
   * One page of the ids of selected tokens, ascending. `selection` is normalized: its ranges ascend and do not overlap. Runs inside
   * the transaction of `em` that accepts a refresh; a store in the same database can use it for one snapshot. This default
   * implementation reads whole records with `listTokens`, 1,000 at a time: override it when your store can read ids alone.
   */
  async selectTokens(
    { collectionId, selection, after, limit }: TokenIdQuery,
    _em?: EntityManager,
  ): Promise<TokenIdPage> {
    const size = Math.min(limit, LIST_LIMIT);
    if ('all' in selection) {
      const { status, notRefreshedSince, exceptBurned } = selection;
      const tokens = await this.listTokens({ collectionId, limit: size, ...(after !== undefined && { after }) });
      const selected = tokens.filter(
        ({ metadataStatus, lastSuccessAt, burnedAt }) =>
          (!exceptBurned || !burnedAt) &&
          (!status || (status as readonly string[]).includes(metadataStatus)) &&
          (!notRefreshedSince || !lastSuccessAt || lastSuccessAt < notRefreshedSince),
      );
      const last = tokens.length < size ? undefined : tokens.at(-1);
      return { tokenIds: selected.map(({ tokenId }) => tokenId), next: last?.tokenId ?? null };
    }

    const [range, ...others] = rangesAfter(selection.ranges, after);
    if (!range) return { tokenIds: [], next: null };
    // Token id 0 has no id before it.
    const before = range.from === '0' ? undefined : String(BigInt(range.from) - 1n);
    const tokens = await this.listTokens({ collectionId, limit: size, ...(before !== undefined && { after: before }) });
    const inRange = tokens.filter(({ tokenId }) => BigInt(tokenId) <= BigInt(range.to));
    const tokenIds = inRange
      .filter(({ burnedAt }) => !selection.exceptBurned || !burnedAt)
      .map(({ tokenId }) => tokenId);
    if (tokens.length === size && inRange.length === tokens.length) return { tokenIds, next: inRange.at(-1)!.tokenId };
    return { tokenIds, next: others.length > 0 ? range.to : null };
  }

  /**
   * The ages of the next `limit` tokens above `after`, in the order of token ids. This default implementation reads whole records with
   * `listTokens`: override it when your store can read the times alone.
   */
  async listAges({
    collectionId,
    after,
    limit,
  }: Required<Pick<TokenQuery, 'collectionId' | 'limit'>> & { after?: string }): Promise<TokenAge[]> {
    const ages: TokenAge[] = [];
    for (let from = after; ages.length < limit;) {
      const size = Math.min(limit - ages.length, LIST_LIMIT);
      const page = await this.listTokens({ collectionId, limit: size, ...(from !== undefined && { after: from }) });
      ages.push(...page);
      if (page.length < size) break;
      from = page.at(-1)!.tokenId;
    }
    return ages;
  }

  /**
   * How many tokens of a collection have each of these traits, in the order given; null: it is not counted. This default
   * implementation counts none.
   */
  async countTraits(
    _collectionId: string,
    traits: readonly { traitType: string; value: string }[],
  ): Promise<(number | null)[]> {
    return traits.map(() => null);
  }

  /** How many tokens are selected now. This default implementation reads all pages of `selectTokens`. */
  async countSelected(collectionId: string, selection: TokenSelection): Promise<number> {
    if (isEverything(selection)) return this.countTokens(collectionId);
    let count = 0;
    for (let after: string | undefined | null; after !== null;) {
      const page: TokenIdPage = await this.selectTokens({ collectionId, selection, after, limit: LIST_LIMIT });
      count += page.tokenIds.length;
      after = page.next;
    }
    return count;
  }

  /**
   * A query with one column, `token_id numeric`: the ids of the selected tokens above `after`, in any order, each once. The database
   * of the refreshes runs it, so that a refresh of a million tokens is accepted by one statement. This default implementation returns
   * null: the ids come in pages, from `selectTokens`.
   */
  selectionSql(_query: Omit<TokenIdQuery, 'limit'>): RawBuilder<{ token_id: string }> | null {
    return null;
  }

  /** The record and, read with it, the document as served: JSON text, numbers to the last digit; null when there is none. */
  abstract findTokenWithDocument(
    reference: TokenReference,
  ): Promise<{ token: TokenRecord; document: string | null } | null>;

  /** The trait types of a collection in alphabetical order, with the values that tokens have now and their counts. */
  abstract listTraits(query: TraitQuery): Promise<TraitSummary[]>;

  /**
   * What is stored of these tokens: validators for conditional requests, warnings so that an image does not replace a
   * document, and `known` for a cheaper write. In no particular order. Tokens that are not registered are left out; a store
   * may leave out those without a good response, too. With `em`, inside the caller's transaction.
   */
  abstract findStored(references: readonly TokenReference[], em?: EntityManager): Promise<StoredToken[]>;

  /** Locks, in key order, the records that a transaction writes in several steps. */
  abstract lockTokens(em: EntityManager, references: readonly TokenReference[]): Promise<void>;

  /**
   * Called before the transaction that writes these, outside of any: a store may do what must be committed first or would
   * hold locks for too long. `writeMetadata` may be called without it. This default implementation does nothing.
   */
  async prepareWrites(_writes: readonly MetadataWrite[]): Promise<void> {}

  /**
   * Writes a batch of successful fetches inside the caller's transaction: document, columns, traits and trait counts
   * together. Results are in the order of the writes. Locks token rows, then trait rows, each in key order.
   */
  abstract writeMetadata(
    em: EntityManager,
    writes: readonly MetadataWrite[],
    options?: WriteOptions,
  ): Promise<WriteResult[]>;

  /** Records a batch of failures inside the caller's transaction. Good metadata never changes. */
  abstract recordFailures(em: EntityManager, failures: readonly FailureWrite[]): Promise<void>;
}
