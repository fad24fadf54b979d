import { Collections, TokenStore, type Collection, type TokenRecord } from '@app/token-store';
import { Injectable } from '@nestjs/common';
import { InvalidRequest } from '../invalid-request.js';
import { cursorRule } from '../paging.schemas.js';
import { walkPage, type Found, type Neighbours, type PageQuery, type Place, type Step } from './page-cursor.js';

export interface NftQuery extends PageQuery {
  /** Only tokens that were registered, or whose content changed, then or later. */
  updatedSince?: Date | undefined;
}

/** Tokens in the order of collections and token ids. */
export interface NftPage extends Neighbours {
  rows: TokenRecord[];
}

/** Collections that one page looks into: an empty page may have a next one. */
const MAX_COLLECTIONS = 20;

/** Pages of tokens. The work for one page is bounded, so a page may have fewer tokens than asked for. */
@Injectable()
export class NftPages {
  constructor(
    private readonly collections: Collections,
    private readonly tokens: TokenStore,
  ) {}

  /** Throws InvalidRequest for a cursor of another list. */
  async ofCollection(collection: Collection, query: NftQuery): Promise<NftPage> {
    if (query.cursor && query.cursor.collectionId !== collection.id) throw foreignCursor();
    return walkPage(query, (step) => this.find(collection, step, query), placeOf);
  }

  /** Of these tokens, those that are registered. */
  async ofTokens(collection: Collection, tokenIds: readonly string[], query: NftQuery): Promise<NftPage> {
    const { id: collectionId } = collection;
    const ids = [...new Set(tokenIds)];
    const records = await this.tokens.findTokens(ids.map((tokenId) => ({ collectionId, tokenId })));
    const found = records.filter(isUpdatedSince(query.updatedSince));
    const walk = async ({ direction, after, limit }: Step): Promise<Found<TokenRecord>> => {
      const sign = direction === 'asc' ? 1 : -1;
      const behind = found
        .toSorted((one, other) => sign * compareIds(one.tokenId, other.tokenId))
        .filter(({ tokenId }) => !after || sign * compareIds(tokenId, after.tokenId) > 0);
      return { rows: behind.slice(0, limit), reached: null };
    };
    return walkPage(query, walk, placeOf);
  }

  async onChain(chainId: number, query: NftQuery): Promise<NftPage> {
    const walk = async ({ direction, after, limit }: Step): Promise<Found<TokenRecord>> => {
      const page = { chainId, direction, from: after?.collectionId, limit: MAX_COLLECTIONS };
      const collections = await this.collections.listOnChain(page);
      const tokens: TokenRecord[] = [];
      for (const collection of collections) {
        const from = collection.id === after?.collectionId ? after : undefined;
        const found = await this.find(collection, { direction, after: from, limit: limit - tokens.length }, query);
        tokens.push(...found.rows);
        if (found.reached || tokens.length === limit) return { rows: tokens, reached: found.reached };
      }
      const last = collections.length === MAX_COLLECTIONS ? collections.at(-1)! : null;
      return { rows: tokens, reached: last && endOf(last, direction) };
    };
    return walkPage(query, walk, placeOf);
  }

  private async find(
    { id: collectionId }: Collection,
    { direction, after, limit }: Step,
    { updatedSince }: NftQuery,
  ): Promise<Found<TokenRecord>> {
    const page = { collectionId, direction, limit, ...(after && { after: after.tokenId }) };
    const { tokens, next } = updatedSince
      ? await this.tokens.pageUpdated({ ...page, updatedSince })
      : await this.tokens.pageTokens(page);
    const isBehind = tokens.length < limit && next !== null;
    return { rows: tokens, reached: isBehind && updatedSince ? { collectionId, tokenId: next } : null };
  }
}

function placeOf({ collectionId, tokenId }: TokenRecord): Place {
  return { collectionId, tokenId };
}

/** The largest token id, or the smallest: nothing of the collection is behind it. */
function endOf({ id }: Collection, direction: Step['direction']): Place {
  return { collectionId: id, tokenId: direction === 'asc' ? String(2n ** 256n - 1n) : '0' };
}

function isUpdatedSince(time: Date | undefined) {
  return ({ registeredAt, changedAt }: TokenRecord) =>
    !time || registeredAt >= time || (changedAt !== null && changedAt >= time);
}

function compareIds(one: string, other: string): number {
  return one.length - other.length || (one < other ? -1 : Number(one > other));
}

function foreignCursor(): InvalidRequest {
  return new InvalidRequest(`page_cursor ${cursorRule}`, [{ path: ['page_cursor'], rule: cursorRule }]);
}
