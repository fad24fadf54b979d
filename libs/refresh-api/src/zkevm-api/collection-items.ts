import { Collections, type Collection } from '@app/token-store';
import { Injectable } from '@nestjs/common';
import { InvalidRequest } from '../invalid-request.js';
import { cursorRule } from '../paging.schemas.js';
import {
  walkPage,
  type Found,
  type Page,
  type PageCursor,
  type PageQuery,
  type Place,
  type Step,
} from './page-cursor.js';

/** Items of collections that can be listed in the order of their ids. */
export interface ItemList<Item> {
  find(collection: Collection, step: Step): Promise<Found<Item>>;
  placeOf: (item: Item) => Place;
  /** An id at the end of all, in the direction of a walk. */
  lastId: Readonly<Record<PageCursor['direction'], string>>;
}

/** Collections that one page looks into: an empty page may have a next one. */
const MAX_COLLECTIONS = 20;

/** Pages of the items of collections. The work for one page is bounded, so a page may have fewer items than asked for. */
@Injectable()
export class CollectionItems {
  constructor(private readonly collections: Collections) {}

  /** Throws InvalidRequest for a cursor of another collection. */
  async ofCollection<Item>(collection: Collection, query: PageQuery, list: ItemList<Item>): Promise<Page<Item>> {
    if (query.cursor && query.cursor.collectionId !== collection.id) {
      throw new InvalidRequest(`page_cursor ${cursorRule}`, [{ path: ['page_cursor'], rule: cursorRule }]);
    }
    return walkPage(query, (step) => list.find(collection, step), list.placeOf);
  }

  /** Of all collections on a chain, in the order of their ids. */
  async onChain<Item>(chainId: number, query: PageQuery, list: ItemList<Item>): Promise<Page<Item>> {
    const walk = async ({ direction, after, limit }: Step): Promise<Found<Item>> => {
      const page = { chainId, direction, from: after?.collectionId, limit: MAX_COLLECTIONS };
      const collections = await this.collections.listOnChain(page);
      const rows: Item[] = [];
      for (const collection of collections) {
        const from = collection.id === after?.collectionId ? after : undefined;
        const found = await list.find(collection, { direction, after: from, limit: limit - rows.length });
        rows.push(...found.rows);
        if (found.reached || rows.length === limit) return { rows, reached: found.reached };
      }
      const last = collections.length === MAX_COLLECTIONS ? collections.at(-1)! : null;
      return { rows, reached: last && { collectionId: last.id, id: list.lastId[direction] } };
    };
    return walkPage(query, walk, list.placeOf);
  }
}
