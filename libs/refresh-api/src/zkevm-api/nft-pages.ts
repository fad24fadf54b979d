import { TokenStore, type Collection, type TokenRecord } from '@app/token-store';
import { Injectable } from '@nestjs/common';
import type { Place } from './page-cursor.js';
import { Pages, toPage, type ItemList, type Page, type PageQuery } from './pages.js';

export interface NftQuery extends PageQuery {
  /** Only tokens that were registered, or whose content changed, then or later. */
  updatedSince?: Date | undefined;
}

/** Pages of tokens, in the order of collections and token ids. */
@Injectable()
export class NftPages {
  constructor(
    private readonly pages: Pages,
    private readonly tokens: TokenStore,
  ) {}

  ofCollection(collection: Collection, query: NftQuery): Promise<Page<TokenRecord>> {
    return this.pages.ofCollection(collection, query, this.list(query));
  }

  onChain(chainId: number, query: NftQuery): Promise<Page<TokenRecord>> {
    return this.pages.onChain(chainId, query, this.list(query));
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
    return toPage(query, placeOf, async ({ direction, after, limit }) => {
      const sign = direction === 'asc' ? 1 : -1;
      const behind = found
        .toSorted((one, other) => sign * compareIds(one.tokenId, other.tokenId))
        .filter(({ tokenId }) => !after || sign * compareIds(tokenId, after.id) > 0);
      return { items: behind.slice(0, limit), reached: null };
    });
  }

  private list({ updatedSince }: NftQuery): ItemList<TokenRecord> {
    return {
      placeOf,
      lastId: { asc: String(2n ** 256n - 1n), desc: '0' },
      find: async ({ id: collectionId }, { direction, after, limit }) => {
        const page = { collectionId, direction, limit, ...(after !== undefined && { after }) };
        if (!updatedSince) return { items: (await this.tokens.pageTokens(page)).tokens, reached: null };
        const { tokens, next } = await this.tokens.pageUpdated({ ...page, updatedSince });
        return { items: tokens, reached: tokens.length < limit ? next : null };
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
