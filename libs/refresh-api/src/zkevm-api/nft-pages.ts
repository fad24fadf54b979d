import { TokenStore, type Collection, type TokenRecord } from '@app/token-store';
import { Injectable } from '@nestjs/common';
import { CollectionItems, type ItemList } from './collection-items.js';
import { walkPage, type Found, type Page, type PageQuery, type Place, type Step } from './page-cursor.js';

export interface NftQuery extends PageQuery {
  /** Only tokens that were registered, or whose content changed, then or later. */
  updatedSince?: Date | undefined;
}

/** Pages of tokens, in the order of collections and token ids. */
@Injectable()
export class NftPages {
  constructor(
    private readonly items: CollectionItems,
    private readonly tokens: TokenStore,
  ) {}

  ofCollection(collection: Collection, query: NftQuery): Promise<Page<TokenRecord>> {
    return this.items.ofCollection(collection, query, this.list(query));
  }

  onChain(chainId: number, query: NftQuery): Promise<Page<TokenRecord>> {
    return this.items.onChain(chainId, query, this.list(query));
  }

  /** Of these tokens, those that are registered. */
  async ofTokens(
    { id: collectionId }: Collection,
    tokenIds: readonly string[],
    query: NftQuery,
  ): Promise<Page<TokenRecord>> {
    const ids = [...new Set(tokenIds)];
    const records = await this.tokens.findTokens(ids.map((tokenId) => ({ collectionId, tokenId })));
    const found = records.filter(isUpdatedSince(query.updatedSince));
    const walk = async ({ direction, after, limit }: Step): Promise<Found<TokenRecord>> => {
      const sign = direction === 'asc' ? 1 : -1;
      const behind = found
        .toSorted((one, other) => sign * compareIds(one.tokenId, other.tokenId))
        .filter(({ tokenId }) => !after || sign * compareIds(tokenId, after.id) > 0);
      return { rows: behind.slice(0, limit), reached: null };
    };
    return walkPage(query, walk, placeOf);
  }

  private list({ updatedSince }: NftQuery): ItemList<TokenRecord> {
    return {
      placeOf,
      lastId: { asc: String(2n ** 256n - 1n), desc: '0' },
      find: async ({ id: collectionId }, { direction, after, limit }) => {
        const page = { collectionId, direction, limit, ...(after && { after: after.id }) };
        if (!updatedSince) return { rows: (await this.tokens.pageTokens(page)).tokens, reached: null };
        const { tokens, next } = await this.tokens.pageUpdated({ ...page, updatedSince });
        return { rows: tokens, reached: tokens.length < limit && next !== null ? { collectionId, id: next } : null };
      },
    };
  }
}

function placeOf({ collectionId, tokenId }: TokenRecord): Place {
  return { collectionId, id: tokenId };
}

function isUpdatedSince(time: Date | undefined) {
  return ({ registeredAt, changedAt }: TokenRecord) =>
    !time || registeredAt >= time || (changedAt !== null && changedAt >= time);
}

function compareIds(one: string, other: string): number {
  return one.length - other.length || (one < other ? -1 : Number(one > other));
}
