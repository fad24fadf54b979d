import { formatPageCursor } from './page-cursor.js';
import type { Page } from './pages.js';

export function toPageBody<Item, Body>({ items, previous, next }: Page<Item>, toBody: (item: Item) => Body) {
  return {
    result: items.map(toBody),
    page: {
      previous_cursor: previous && formatPageCursor(previous),
      next_cursor: next && formatPageCursor(next),
    },
  };
}

/** The page of a list that is never longer than one. */
export const ONLY_PAGE = { previous_cursor: null, next_cursor: null };
