import { Stacks, type Collection, type Stack } from '@app/token-store';
import { Injectable } from '@nestjs/common';
import { Pages, type ItemList, type Page, type PageQuery } from './pages.js';

export interface StackPageQuery extends PageQuery {
  /** Only stacks whose content changed then or later. */
  updatedSince?: Date | undefined;
}

/** Pages of stacks, in the order of collections and ids. */
@Injectable()
export class StackPages {
  constructor(
    private readonly pages: Pages,
    private readonly stacks: Stacks,
  ) {}

  ofCollection(collection: Collection, query: StackPageQuery): Promise<Page<Stack>> {
    return this.pages.ofCollection(collection, query, this.list(query));
  }

  onChain(chainId: number, query: StackPageQuery): Promise<Page<Stack>> {
    return this.pages.onChain(chainId, query, this.list(query));
  }

  private list({ updatedSince }: StackPageQuery): ItemList<Stack> {
    return {
      placeOf: ({ id, token: { collectionId } }) => ({ collectionId, id }),
      lastId: { asc: 'ffffffff-ffff-ffff-ffff-ffffffffffff', desc: '00000000-0000-0000-0000-000000000000' },
      find: async ({ id: collectionId }, { direction, after, limit }) => {
        const { stacks, next } = await this.stacks.page({ collectionId, direction, after, updatedSince, limit });
        return { items: stacks, reached: stacks.length < limit ? next : null };
      },
    };
  }
}
