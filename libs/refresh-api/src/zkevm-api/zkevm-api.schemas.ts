import { z } from 'zod';
import { emptyIsAbsent, pageCursorSchema, pageSizeSchema } from '../paging.schemas.js';
import { timeSchema } from '../time.schema.js';
import { tokenIdTextSchema } from '../token-ids.schema.js';
import { parsePageCursor } from './page-cursor.js';

export const chainNameSchema = z.string().meta({
  description: 'The name of a chain, as `GET /v1/chains` lists it, or `eip155:` and its id.',
  examples: ['imtbl-zkevm-testnet'],
});

const addressRule = 'contract_address must be 0x and 40 hex digits';
/** In any case: the public format knows no checksum. Returns it in lower case. */
export const contractAddressSchema = z
  .string({ error: addressRule })
  .regex(/^0x[0-9a-fA-F]{40}$/, { error: addressRule })
  .transform((address) => address.toLowerCase())
  .meta({
    description: 'Contract address, in any case; its checksum is not verified.',
    examples: ['0x95cf5c1b78ed03db3a1d69e722f2e2fa40cdf584'],
  });

const fromUpdatedAtSchema = z.preprocess(emptyIsAbsent, timeSchema.optional()).meta({
  type: 'string',
  format: 'date-time',
  description: 'Only what was updated then or later.',
});

const cursorSchema = pageCursorSchema(parsePageCursor).meta({
  description: 'A cursor of an earlier page. Empty or absent: the first page.',
});

const MAX_LISTED_TOKENS = 30;
const tokenIdsRule = `must be at most ${MAX_LISTED_TOKENS} token ids, each in a parameter of its own`;
const listedTokensSchema = z
  .preprocess(
    (given) => (given === undefined ? undefined : [given].flat()),
    z.array(tokenIdTextSchema, { error: tokenIdsRule }).max(MAX_LISTED_TOKENS, { error: tokenIdsRule }).optional(),
  )
  .meta({
    type: 'array',
    items: { type: 'string' },
    description: `Only these tokens, at most ${MAX_LISTED_TOKENS}: \`token_id=1&token_id=2\`.`,
  });

const pageQuery = { from_updated_at: fromUpdatedAtSchema, page_size: pageSizeSchema, page_cursor: cursorSchema };

export const collectionsQuerySchema = z
  .object({ page_size: pageSizeSchema, page_cursor: cursorSchema })
  .transform(({ page_size, page_cursor }) => ({ limit: page_size, cursor: page_cursor }));
export type CollectionsQuery = z.output<typeof collectionsQuerySchema>;

/** Unknown parameters are ignored, because clients may send more. */
export const nftsOnChainQuerySchema = z.object(pageQuery).transform(({ from_updated_at, page_size, page_cursor }) => ({
  updatedSince: from_updated_at,
  limit: page_size,
  cursor: page_cursor,
}));
export type NftsOnChainQuery = z.output<typeof nftsOnChainQuerySchema>;

export const nftsQuerySchema = z
  .object({ token_id: listedTokensSchema, ...pageQuery })
  .transform(({ token_id, from_updated_at, page_size, page_cursor }) => ({
    tokenIds: token_id,
    updatedSince: from_updated_at,
    limit: page_size,
    cursor: page_cursor,
  }));
export type NftsQuery = z.output<typeof nftsQuerySchema>;
