import { isTokenId } from '@app/token-store';
import { z } from 'zod';

/** A place in a list of tokens: after the token, or before it. */
export interface PageCursor {
  direction: 'asc' | 'desc';
  collectionId: string;
  tokenId: string;
}

export const cursorRule = 'must be a cursor of an earlier page, unchanged';

const cursorSchema = z
  .object({ type: z.enum(['next', 'prev']), collection: z.guid(), token_id: z.string().refine(isTokenId) })
  .transform(({ type, collection, token_id }): PageCursor => ({
    direction: type === 'next' ? 'asc' : 'desc',
    collectionId: collection,
    tokenId: token_id,
  }));

/** base64url of JSON, which needs no escapes in a query: some clients send it as it is. Opaque to callers. */
export function formatPageCursor({ direction, collectionId, tokenId }: PageCursor): string {
  const type = direction === 'asc' ? 'next' : 'prev';
  return Buffer.from(JSON.stringify({ type, collection: collectionId, token_id: tokenId })).toString('base64url');
}

/** null: the text is not a cursor. */
export function parsePageCursor(text: string): PageCursor | null {
  try {
    return cursorSchema.parse(JSON.parse(Buffer.from(text, 'base64url').toString()));
  } catch {
    return null;
  }
}
