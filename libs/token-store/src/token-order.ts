import type { OrderColumn, PageOrder } from './search/page-cursor.js';

/** By id, by time of registration, or by name without regard to case. */
export type TokenOrder = 'token_id' | 'registered' | 'name';

const COLUMNS: Readonly<Record<TokenOrder, readonly OrderColumn[]>> = {
  token_id: [{ name: 'token_id', type: 'numeric' }],
  registered: [{ name: 'id', type: 'bigint' }],
  name: [
    { name: 'name_key', type: 'text' },
    { name: 'token_id', type: 'numeric' },
  ],
};

export function tokenOrder(orderBy: TokenOrder, direction: 'asc' | 'desc'): PageOrder {
  return { label: `${orderBy}:${direction}`, columns: COLUMNS[orderBy], direction };
}
