import { isTokenId } from '@app/token-store';

/**
 * A position in a list in the order of times: the PagePosition of metadata-refresh. Named here, because the compiler would write the alias of
 * that lib into the types of schemas.
 */
export interface CursorPosition {
  createdAt: string;
  id: string;
}

const TIME = /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z$/;
const ID = { uuid: /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/, bigint: /^[1-9][0-9]{0,17}$/ };

/** base64url of JSON: the last row of a page. Opaque to callers. */
export function formatCursor({ createdAt, id }: CursorPosition): string {
  return Buffer.from(JSON.stringify({ created_at: createdAt, id })).toString('base64url');
}

/** null: the text is not a cursor. */
export function parseCursor(text: string, id: keyof typeof ID): CursorPosition | null {
  try {
    const position = JSON.parse(Buffer.from(text, 'base64url').toString()) as Record<string, unknown> | null;
    const createdAt = String(position?.['created_at']);
    const rowId = String(position?.['id']);
    const isPosition = isTime(createdAt) && ID[id].test(rowId);
    return isPosition ? { createdAt, id: rowId } : null;
  } catch {
    return null;
  }
}

/** The cursor of a list in the order of token ids. */
export function formatTokenCursor(tokenId: string): string {
  return Buffer.from(JSON.stringify({ token_id: tokenId })).toString('base64url');
}

/** null: the text is not such a cursor. */
export function parseTokenCursor(text: string): string | null {
  try {
    const position = JSON.parse(Buffer.from(text, 'base64url').toString()) as Record<string, unknown> | null;
    const tokenId = position?.['token_id'];
    return typeof tokenId === 'string' && isTokenId(tokenId) ? tokenId : null;
  } catch {
    return null;
  }
}

/** JavaScript turns 30 February into a day in March, and accepts the year 0; PostgreSQL does neither. */
function isTime(text: string): boolean {
  if (!TIME.test(text) || text.startsWith('0000')) return false;
  const time = new Date(text);
  return !Number.isNaN(time.getTime()) && time.toISOString().slice(0, 19) === text.slice(0, 19);
}
