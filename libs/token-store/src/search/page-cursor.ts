import { InvalidCursor } from '../token-store.errors.js';

/** A column that a list is sorted by. A cursor holds its values as text. */
export interface OrderColumn {
  name: string;
  type: 'bigint' | 'numeric' | 'text';
}

/** One order of a list. No two rows have the same values in its columns. */
export interface PageOrder {
  /** The name of the order, such as `price:asc`; a cursor contains it. */
  label: string;
  columns: readonly OrderColumn[];
  direction: 'asc' | 'desc';
}

const FORMS: Readonly<Record<OrderColumn['type'], (text: string) => boolean>> = {
  bigint: (text) => /^[0-9]{1,18}$/.test(text),
  numeric: (text) => /^[0-9]{1,78}$/.test(text),
  text: (text) => text.length <= 512 && text.isWellFormed() && !text.includes('\0'),
};

/** base64url of JSON: the order, and the values of its columns in the row after which the next page begins. */
export function formatPageCursor({ label }: PageOrder, position: readonly string[]): string {
  return Buffer.from(JSON.stringify({ order: label, position })).toString('base64url');
}

/** Throws InvalidCursor when the text is not a cursor, or a cursor of another order. */
export function parsePageCursor(order: PageOrder, text: string): string[] {
  const { order: label, position } = readObject(text);
  if (typeof label !== 'string' || !Array.isArray(position) || !position.every((part) => typeof part === 'string')) {
    throw new InvalidCursor('cursor must be the cursor of an earlier page, unchanged');
  }
  if (label !== order.label) {
    throw new InvalidCursor(
      `cursor belongs to the order ${JSON.stringify(label.slice(0, 100))}; these pages have the order ${JSON.stringify(order.label)}: begin without a cursor`,
    );
  }
  if (position.length !== order.columns.length || !order.columns.every(({ type }, at) => FORMS[type](position[at]!))) {
    throw new InvalidCursor('cursor must be the cursor of an earlier page, unchanged');
  }
  return position;
}

function readObject(text: string): Record<string, unknown> {
  try {
    const value = JSON.parse(Buffer.from(text, 'base64url').toString()) as unknown;
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
