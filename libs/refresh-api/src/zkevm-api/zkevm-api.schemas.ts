import { isTokenId } from '@app/token-store';
import { z } from 'zod';
import { emptyIsAbsent, pageCursorSchema, pageSizeSchema } from '../paging.schemas.js';
import { timeSchema } from '../time.schema.js';
import { tokenIdTextSchema } from '../token-ids.schema.js';
import { isMetadataId, metadataIdRule, metadataIdSchema } from './metadata-id.schema.js';
import { pageCursorParser } from './page-cursor.js';

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

/** Of a list whose items have such ids. */
const cursorSchema = (isId: (id: string) => boolean) =>
  pageCursorSchema(pageCursorParser(isId)).meta({
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

const MAX_LISTED_STACKS = 20;
const stackIdsRule = `must be 1 to ${MAX_LISTED_STACKS} metadata ids, each in a parameter of its own`;
export const stacksQuerySchema = z
  .object({
    stack_id: z
      .preprocess(
        (given) => (given === undefined ? undefined : [given].flat()),
        z.array(metadataIdSchema, { error: stackIdsRule }).max(MAX_LISTED_STACKS, { error: stackIdsRule }),
      )
      .meta({
        type: 'array',
        items: { type: 'string', format: 'uuid' },
        description: `The metadata ids of 1 to ${MAX_LISTED_STACKS} stacks: \`stack_id=…&stack_id=…\`.`,
      }),
  })
  .transform(({ stack_id }) => stack_id);

export const metadataIdParamSchema = z
  .guid({ error: `metadata_id ${metadataIdRule}` })
  .toLowerCase()
  .meta({ description: 'A metadata id.', examples: ['018cf196-26da-1028-707e-3bb23550992b'] });

export const collectionsQuerySchema = z
  .object({ page_size: pageSizeSchema, page_cursor: cursorSchema((id) => id === '') })
  .transform(({ page_size, page_cursor }) => ({ limit: page_size, cursor: page_cursor }));
export type CollectionsQuery = z.output<typeof collectionsQuerySchema>;

/** Unknown parameters are ignored, because clients may send more. */
const updatesQuery = (isId: (id: string) => boolean) =>
  z.object({ from_updated_at: fromUpdatedAtSchema, page_size: pageSizeSchema, page_cursor: cursorSchema(isId) });

export const nftsOnChainQuerySchema = updatesQuery(isTokenId).transform(toPageQuery);
export type NftsOnChainQuery = z.output<typeof nftsOnChainQuerySchema>;

export const nftsQuerySchema = updatesQuery(isTokenId)
  .extend({ token_id: listedTokensSchema })
  .transform(({ token_id, ...page }) => ({ tokenIds: token_id, ...toPageQuery(page) }));
export type NftsQuery = z.output<typeof nftsQuerySchema>;

export const metadataQuerySchema = updatesQuery(isMetadataId).transform(toPageQuery);
export type MetadataQuery = z.output<typeof metadataQuerySchema>;

function toPageQuery({ from_updated_at, page_size, page_cursor }: z.output<ReturnType<typeof updatesQuery>>) {
  return { updatedSince: from_updated_at, limit: page_size, cursor: page_cursor };
}
