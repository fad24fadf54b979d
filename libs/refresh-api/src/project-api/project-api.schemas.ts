import { parseAddress } from '@app/project-auth';
import { isTokenId } from '@app/token-store';
import { z } from 'zod';
import { parseCursor } from './cursor.js';

/** The guide's limit for one request. */
const MAX_TOKEN_IDS = 1000;

const collectionAddress = z
  .string({ error: 'must be a string: 0x and 40 hex digits' })
  .regex(/^0x[0-9a-fA-F]{40}$/, { error: 'must be 0x and 40 hex digits' })
  .refine((address) => parseAddress(address) !== null, {
    error: 'has a wrong EIP-55 checksum: check its letters, or write them all in lower case',
  })
  .transform((address) => address.toLowerCase());

const tokenIdRule = 'must be a decimal uint256: digits only, no leading zero, below 2^256';
const tokenId = z.union(
  [
    z.string().refine(isTokenId, { error: tokenIdRule }),
    z.int({ error: tokenIdRule }).min(0, { error: tokenIdRule }).transform(String),
  ],
  { error: tokenIdRule },
);

export const createRefreshSchema = z
  .object(
    {
      collection_address: collectionAddress,
      token_ids: z
        .array(tokenId, { error: 'must be a list of token ids' })
        .min(1, { error: 'must hold at least one token id' })
        .max(MAX_TOKEN_IDS, { error: `must hold at most ${MAX_TOKEN_IDS} token ids` }),
    },
    { error: 'the body must be a JSON object with collection_address and token_ids' },
  )
  .transform(({ collection_address, token_ids }) => ({ collectionAddress: collection_address, tokenIds: token_ids }));
export type CreateRefresh = z.output<typeof createRefreshSchema>;

/** Real clients send `cursor=` and `collection_address=` when they mean none. */
const emptyIsAbsent = (value: unknown) => (value === '' ? undefined : value);

const pageSizeRule = 'must be a whole number from 1 to 200';
const pageSize = z.preprocess(
  emptyIsAbsent,
  z
    .string({ error: pageSizeRule })
    .regex(/^[0-9]{1,3}$/, { error: pageSizeRule })
    .transform(Number)
    .refine((size) => size >= 1 && size <= 200, { error: pageSizeRule })
    .default(100),
);

const cursorRule = 'must be the cursor of an earlier page, as it was given';
const cursor = (id: 'uuid' | 'bigint') =>
  z.preprocess(
    emptyIsAbsent,
    z
      .string({ error: cursorRule })
      .transform((text, context) => {
        const position = parseCursor(text, id);
        if (position) return position;
        context.addIssue({ code: 'custom', message: cursorRule });
        return z.NEVER;
      })
      .optional(),
  );

export const listRefreshesSchema = z
  .object({
    page_size: pageSize,
    cursor: cursor('uuid'),
    collection_address: z.preprocess(emptyIsAbsent, collectionAddress.optional()),
  })
  .transform((query) => ({ limit: query.page_size, after: query.cursor, collectionAddress: query.collection_address }));
export type ListRefreshes = z.output<typeof listRefreshesSchema>;

export const listErrorsSchema = z
  .object({ page_size: pageSize, cursor: cursor('bigint') })
  .transform((query) => ({ limit: query.page_size, after: query.cursor }));
export type ListErrors = z.output<typeof listErrorsSchema>;

export const refreshIdSchema = z.string().regex(/^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/, {
  error: 'refresh_id must be a UUID',
});
