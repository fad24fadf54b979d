import { toTokenObject, type RefreshTokenPage } from '@app/metadata-refresh';
import type { z } from 'zod';
import { formatTokenCursor } from '../cursor.js';
import type { refreshTokenPageSchema } from './refresh-tokens.responses.js';

export function toTokenPage({ rows, next }: RefreshTokenPage): z.output<typeof refreshTokenPageSchema> {
  const last = next ?? rows.at(-1)?.tokenId;
  return {
    result: rows.map(toTokenObject),
    cursor: last === undefined ? '' : formatTokenCursor(last),
    remaining: next === null ? 0 : 1,
  };
}
