import { Stacks, type Collection, type Stack } from '@app/token-store';
import { Injectable } from '@nestjs/common';
import { CollectionItems, type ItemList } from './collection-items.js';
import type { Page, PageQuery } from './page-cursor.js';

export interface StackPageQuery extends PageQuery {
  /** Only stacks whose content changed then or later. */
  updatedSince?: Date | undefined;
}

/** Pages of stacks, in the order of collections and ids. */
@Injectable()
export class StackPages {
  constructor(
    private readonly items: CollectionItems,
    private readonly stacks: Stacks,
  ) {}

  ofCollection(collection: Collection, query: StackPageQuery): Promise<Page<Stack>> {
    return this.items.ofCollection(collection, query, this.list(query));
  }

  onChain(chainId: number, query: StackPageQuery): Promise<Page<Stack>> {
    return this.items.onChain(chainId, query, this.list(query));
  }

  private list({ updatedSince }: StackPageQuery): ItemList<Stack> {
    return {
      placeOf: ({ id, token: { collectionId } }) => ({ collectionId, id }),
      lastId: { asc: 'ffffffff-ffff-ffff-ffff-ffffffffffff', desc: '00000000-0000-0000-0000-000000000000' },
      find: async ({ id: collectionId }, { direction, after, limit }) => {
        const query = { collectionId, direction, after: after?.id, updatedSince, limit };
        const { stacks, next } = await this.stacks.page(query);
        return { rows: stacks, reached: stacks.length < limit && next !== null ? { collectionId, id: next } : null };
      },
    };
  }
}
