import { z } from 'zod';

/** An item of a list: its collection, and its id there. The id is empty where collections are listed. */
export interface Place {
  collectionId: string;
  id: string;
}

/** A place in a list: the page after it, or before it. */
export interface PageCursor extends Place {
  direction: 'asc' | 'desc';
}

export const cursorRule = 'must be a cursor of an earlier page, unchanged';

const cursorSchema = z
  .object({ type: z.enum(['next', 'prev']), collection: z.guid(), id: z.string() })
  .transform(({ type, collection, id }): PageCursor => ({
    direction: type === 'next' ? 'asc' : 'desc',
    collectionId: collection,
    id,
  }));

/** base64url of JSON, which needs no escapes in a query: some clients send it as it is. Opaque to callers. */
export function formatPageCursor({ direction, collectionId, id }: PageCursor): string {
  const type = direction === 'asc' ? 'next' : 'prev';
  return Buffer.from(JSON.stringify({ type, collection: collectionId, id })).toString('base64url');
}

/** null: the text is not a cursor of a list with such ids. */
export function parsePageCursor(text: string, isId: (id: string) => boolean): PageCursor | null {
  try {
    const cursor = cursorSchema.parse(JSON.parse(Buffer.from(text, 'base64url').toString()));
    return isId(cursor.id) ? cursor : null;
  } catch {
    return null;
  }
}
