import { REFRESH_ERROR_CODES, VERDICT_NAMES } from '@app/metadata-refresh';
import { z } from 'zod';
import { failureReasonSchema } from '../failure-reason.schema.js';
import { emptyIsAbsent, pageSizeSchema, tokenCursorSchema } from '../paging.schemas.js';
import { strictObject } from '../strict-object.js';
import { tokenIdTextSchema } from '../token-ids.schema.js';

const STATES = [...VERDICT_NAMES, 'pending'] as const;

/** An empty parameter is an absent one. */
const filter = <Schema extends z.ZodType>(schema: Schema) => z.preprocess(emptyIsAbsent, schema.optional());
const oneOf = (names: readonly string[]) => `must be one of ${names.join(', ')}`;

export const listTokensSchema = strictObject(
  {
    verdict: filter(z.enum(STATES, { error: oneOf(STATES) })).meta({
      description: 'Only tokens with this verdict; `pending`: tokens without a result.',
    }),
    error_code: filter(z.enum(REFRESH_ERROR_CODES, { error: oneOf(REFRESH_ERROR_CODES) })).meta({
      description: 'Only tokens that failed with this error code.',
    }),
    reason: filter(failureReasonSchema).meta({
      type: 'string',
      description: 'Only tokens that failed for this reason.',
      examples: ['status_404'],
    }),
    token_id: filter(tokenIdTextSchema).meta({
      type: 'string',
      description: 'Only this token.',
      examples: ['7'],
    }),
    page_size: pageSizeSchema.meta({ description: 'Rows in a page of JSON. CSV and NDJSON have all rows.' }),
    cursor: tokenCursorSchema,
  },
  'a parameter',
).transform(({ verdict, error_code, reason, token_id, page_size, cursor }) => {
  return { verdict, errorCode: error_code, reason, tokenId: token_id, limit: page_size, after: cursor };
});
export type ListTokens = z.output<typeof listTokensSchema>;
