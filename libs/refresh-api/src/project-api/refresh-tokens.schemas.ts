import { isRefreshReason, REFRESH_ERROR_CODES, VERDICT_NAMES } from '@app/metadata-refresh';
import { isTokenId } from '@app/token-store';
import { z } from 'zod';
import { strictObject } from '../strict-object.js';
import { parseTokenCursor } from './cursor.js';
import { emptyIsAbsent, pageSizeSchema } from '../page-size.schema.js';
import { cursorRule } from './project-api.schemas.js';

const STATES = [...VERDICT_NAMES, 'pending'] as const;

/** An empty parameter is an absent one. */
const filter = <Schema extends z.ZodType>(schema: Schema) => z.preprocess(emptyIsAbsent, schema.optional());
const oneOf = (names: readonly string[]) => `must be one of ${names.join(', ')}`;
const reasonRule = 'must be a reason of a failure, such as timeout or status_404';
const tokenIdRule = 'must be a decimal uint256: digits only, no leading zero, below 2^256';

export const listTokensSchema = strictObject(
  {
    verdict: filter(z.enum(STATES, { error: oneOf(STATES) })).meta({
      description: 'Only tokens that ended so; `pending`: that have not.',
    }),
    error_code: filter(z.enum(REFRESH_ERROR_CODES, { error: oneOf(REFRESH_ERROR_CODES) })).meta({
      description: 'Only tokens that failed with this error code.',
    }),
    reason: filter(
      z.string({ error: reasonRule }).refine((text): boolean => isRefreshReason(text), { error: reasonRule }),
    ).meta({
      type: 'string',
      description: 'Only tokens that failed for this reason.',
      examples: ['status_404'],
    }),
    token_id: filter(z.string({ error: tokenIdRule }).refine(isTokenId, { error: tokenIdRule })).meta({
      type: 'string',
      description: 'Only this token.',
      examples: ['7'],
    }),
    page_size: pageSizeSchema.meta({ description: 'Rows in a page of JSON. CSV and NDJSON have all rows.' }),
    cursor: z
      .preprocess(
        emptyIsAbsent,
        z
          .string({ error: cursorRule })
          .transform((text, context) => {
            const tokenId = parseTokenCursor(text);
            if (tokenId !== null) return tokenId;
            context.addIssue({ code: 'custom', message: cursorRule });
            return z.NEVER;
          })
          .optional(),
      )
      .meta({ type: 'string', description: 'The `cursor` of the previous page. Empty or absent: the first page.' }),
  },
  'a parameter',
).transform(({ verdict, error_code, reason, token_id, page_size, cursor }) => {
  return { verdict, errorCode: error_code, reason, tokenId: token_id, limit: page_size, after: cursor };
});
export type ListTokens = z.output<typeof listTokensSchema>;
