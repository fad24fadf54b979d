import { Collections, type Collection } from '@app/token-store';
import { Injectable } from '@nestjs/common';
import { InvalidRequest } from '../invalid-request.js';
import { cursorRule, type PageCursor, type Place } from './page-cursor.js';

export interface PageQuery {
  limit: number;
  cursor?: PageCursor | undefined;
}

/** A page, and the places of the pages around it. */
export interface Page<Item> {
  items: Item[];
  /** null: this is the first page. */
  previous: PageCursor | null;
  /** null: this is the last page. */
  next: PageCursor | null;
}

type Direction = PageCursor['direction'];

/** What one step of a walk has found, in the direction of the walk. */
export interface Found<Item, At = Place> {
  items: Item[];
  /** The last place that was looked at, if there may be more behind it. null: there is none, or the step is full. */
  reached: At | null;
}

/** A step of a walk through a list: at most `limit` items behind a place. */
export interface Step<At = Place> {
  direction: Direction;
  after: At | undefined;
  limit: number;
}

/** Items of collections, in the order of their ids. */
export interface ItemList<Item> {
  placeOf(item: Item): Place;
  /** Items of one collection, behind an id of it. */
  find(collection: Collection, step: Step<string>): Promise<Found<Item, string>>;
  /** An id of an item, or beyond all of them: nothing is behind it. */
  lastId: Readonly<Record<Direction, string>>;
}

/** Collections that one page looks into: an empty page may have a next one. */
const MAX_COLLECTIONS = 20;

/** Pages of items that can be walked in both directions. The work for one page is bounded, so a page may have fewer items than asked for. */
@Injectable()
export class Pages {
  constructor(private readonly collections: Collections) {}

  /** Throws InvalidRequest for a cursor of another collection. */
  async ofCollection<Item>(collection: Collection, query: PageQuery, list: ItemList<Item>): Promise<Page<Item>> {
    if (query.cursor && query.cursor.collectionId !== collection.id) {
      throw new InvalidRequest(`page_cursor ${cursorRule}`, [{ path: ['page_cursor'], rule: cursorRule }]);
    }
    return toPage(query, list.placeOf, async (step) => {
      const { items, reached } = await list.find(collection, { ...step, after: step.after?.id });
      return { items, reached: reached === null ? null : { collectionId: collection.id, id: reached } };
    });
  }

  /** Of all collections on a chain, in the order of their ids. */
  async onChain<Item>(chainId: number, query: PageQuery, list: ItemList<Item>): Promise<Page<Item>> {
    return toPage(query, list.placeOf, async ({ direction, after, limit }) => {
      const page = { chainId, direction, from: after?.collectionId, limit: MAX_COLLECTIONS };
      const collections = await this.collections.listOnChain(page);
      const items: Item[] = [];
      for (const collection of collections) {
        const from = collection.id === after?.collectionId ? after.id : undefined;
        const found = await list.find(collection, { direction, after: from, limit: limit - items.length });
        items.push(...found.items);
        const { reached } = found;
        if (reached !== null) return { items, reached: { collectionId: collection.id, id: reached } };
        if (items.length === limit) return { items, reached: null };
      }
      const last = collections.length === MAX_COLLECTIONS ? collections.at(-1)! : null;
      return { items, reached: last && { collectionId: last.id, id: list.lastId[direction] } };
    });
  }
}

/** One item more than the page shows tells whether there is another page. */
export async function toPage<Item>(
  { limit, cursor }: PageQuery,
  placeOf: (item: Item) => Place,
  walk: (step: Step) => Promise<Found<Item>>,
): Promise<Page<Item>> {
  const direction = cursor?.direction ?? 'asc';
  const { items: found, reached } = await walk({ direction, after: cursor, limit: limit + 1 });
  const shown = found.slice(0, limit);
  const further = found.length > limit ? placeOf(shown.at(-1)!) : reached;
  const onward = further && { ...further, direction };
  const opposite = direction === 'asc' ? ('desc' as const) : ('asc' as const);
  const back = cursor && shown[0] ? { ...placeOf(shown[0]), direction: opposite } : null;
  return direction === 'asc'
    ? { items: shown, previous: back, next: onward }
    : { items: shown.toReversed(), previous: onward, next: back };
}
