import { z } from 'zod';
import { DISPLAY_TYPES } from './pushed-items.schema.js';

const time = z
  .string()
  .meta({ format: 'date-time', description: 'RFC 3339, UTC.', examples: ['2024-04-16T11:06:07.401000Z'] });
const text = z.string().nullable();

export const limitsSchema = z.object({
  imx_refreshes_limit: z.string().meta({ description: 'Tokens in an hour.', examples: ['30000'] }),
  imx_remaining_refreshes: z.string().meta({ description: 'Tokens left of the quota.', examples: ['29999'] }),
  imx_refresh_limit_reset: z
    .string()
    .meta({ description: 'When the quota is full again, RFC 3339.', examples: ['2024-04-16T11:06:07.401000Z'] }),
  retry_after: z
    .string()
    .meta({ description: 'Whole seconds until the next request; 0 while tokens are left.', examples: ['0'] }),
});

export const pushReceiptSchema = limitsSchema
  .extend({
    refresh_id: z.string().meta({
      format: 'uuid',
      description:
        'An addition to the public format: the id of the receipt. Read it at `GET /v1/metadata-refreshes/{refresh_id}` with the same key in `x-api-key`.',
      examples: ['0193aa2c-7bfe-7c3e-8e0a-3f0c6f2ad9a1'],
    }),
  })
  .meta({ id: 'ZkevmPushReceipt' });

const ZKEVM_ERROR_CODES = [
  'VALIDATION_ERROR',
  'UNAUTHORISED_REQUEST',
  'AUTHENTICATION_ERROR',
  'RESOURCE_NOT_FOUND',
  'CONFLICT_ERROR',
  'TOO_MANY_REQUESTS_ERROR',
  'INTERNAL_SERVER_ERROR',
  'SERVICE_UNAVAILABLE',
] as const;
export type ZkevmErrorCode = (typeof ZKEVM_ERROR_CODES)[number];

export const zkevmErrorSchema = z
  .object({
    code: z.enum(ZKEVM_ERROR_CODES),
    message: z.string().max(1024).meta({ description: 'Printable ASCII.' }),
    link: z.string().meta({ description: 'Always `about:blank`; the public format requires a URI.' }),
    trace_id: z.string().meta({ description: 'The same as the header `x-trace-id`.' }),
    details: z
      .union([
        z.object({
          errors: z.array(z.object({ path: z.string(), rule: z.string() })).meta({
            description:
              'The first five broken rules. `path`: a JSON Pointer into the body, or the name of a parameter.',
          }),
        }),
        z.object({ token_ids: z.array(z.string()).meta({ description: 'The tokens that caused the error.' }) }),
        z.object({
          metadata_ids: z.array(z.string()).meta({ description: 'The metadata ids that caused the error.' }),
        }),
        limitsSchema,
      ])
      .nullable(),
  })
  .meta({ id: 'ZkevmError' });

const chainSchema = z
  .object({
    id: z.string().meta({ description: '`eip155:` and the chain id.', examples: ['eip155:13473'] }),
    name: z.string().meta({ examples: ['imtbl-zkevm-testnet'] }),
  })
  .meta({ id: 'ZkevmChain' });

const attributeSchema = z.object({
  trait_type: z.string(),
  value: z.union([z.string(), z.number(), z.boolean()]),
  display_type: z.enum(DISPLAY_TYPES).nullable(),
});

const shownMetadata = {
  name: text,
  description: text,
  image: text.meta({ description: 'As it was pushed or served.' }),
  external_url: text,
  animation_url: text,
  youtube_url: text,
  attributes: z.array(attributeSchema),
};

export const nftSchema = z
  .object({
    chain: chainSchema,
    token_id: z.string().meta({ examples: ['1'] }),
    contract_address: z.string().meta({ examples: ['0x95cf5c1b78ed03db3a1d69e722f2e2fa40cdf584'] }),
    contract_type: z.enum(['ERC721', 'ERC1155']),
    indexed_at: time.meta({ description: 'When the token was registered.' }),
    updated_at: time.meta({
      description: 'When its content last changed; before the first content, when it was registered.',
    }),
    metadata_synced_at: time.nullable().meta({ description: 'When its metadata was last pushed or fetched.' }),
    metadata_id: z.string().nullable().meta({
      format: 'uuid',
      description:
        'NFTs of a collection that were pushed with the same metadata share it. null: the metadata was not pushed.',
    }),
    external_link: text.meta({ description: 'The same as `external_url`.' }),
    ...shownMetadata,
    total_supply: z.string().nullable().meta({ description: 'Always null: the service does not count it.' }),
  })
  .meta({ id: 'ZkevmNft' });

export const nftResultSchema = z.object({ result: nftSchema }).meta({ id: 'ZkevmNftResult' });

const pageSchema = z.object({
  previous_cursor: z.string().nullable().meta({ description: 'null on the first page.' }),
  next_cursor: z.string().nullable().meta({ description: 'null on the last page.' }),
});

export const nftPageSchema = z.object({ result: z.array(nftSchema), page: pageSchema }).meta({ id: 'ZkevmNftPage' });

const stacked = {
  chain: chainSchema,
  contract_address: z.string().meta({ examples: ['0x95cf5c1b78ed03db3a1d69e722f2e2fa40cdf584'] }),
  created_at: time.meta({ description: 'When the metadata was first pushed.' }),
  updated_at: time.meta({ description: 'When other metadata was last pushed to this id.' }),
  ...shownMetadata,
};
const metadataId = z.string().meta({ format: 'uuid', examples: ['018cf196-26da-1028-707e-3bb23550992b'] });

export const metadataSchema = z.object({ id: metadataId, ...stacked }).meta({ id: 'ZkevmMetadata' });

export const metadataResultSchema = z.object({ result: metadataSchema }).meta({ id: 'ZkevmMetadataResult' });

export const metadataPageSchema = z
  .object({ result: z.array(metadataSchema), page: pageSchema })
  .meta({ id: 'ZkevmMetadataPage' });

export const stackBundleSchema = z
  .object({
    stack: z.object({ stack_id: metadataId, contract_type: z.enum(['ERC721', 'ERC1155']), ...stacked }),
    stack_count: z.int().min(1).meta({ description: 'NFTs that have this metadata id.' }),
    market: z.null().meta({ description: 'Always null: the service has no order book.' }),
    listings: z.array(z.never()).meta({ description: 'Always empty.' }),
    bids: z.array(z.never()).meta({ description: 'Always empty.' }),
  })
  .meta({ id: 'ZkevmStackBundle' });

const profile = {
  name: text,
  symbol: text,
  description: text,
  image: text,
  external_link: text,
  contract_uri: text,
  base_uri: text,
};

export const pushedCollectionSchema = z
  .object({ chain: chainSchema, contract_address: z.string(), collection_metadata: z.object(profile) })
  .meta({ id: 'ZkevmPushedCollection' });

export const collectionSchema = z
  .object({
    chain: chainSchema,
    contract_address: z.string().meta({ examples: ['0x95cf5c1b78ed03db3a1d69e722f2e2fa40cdf584'] }),
    contract_type: z.enum(['ERC721', 'ERC1155']),
    ...profile,
    verification_status: z.enum(['verified', 'unverified', 'spam', 'inactive']).meta({
      description: 'Always `unverified`: the service does not verify collections.',
    }),
    indexed_at: time.meta({ description: 'When the collection was registered.' }),
    updated_at: time.meta({ description: 'When the metadata of the collection itself last changed.' }),
    metadata_synced_at: time.nullable().meta({ description: 'When its owner last sent it.' }),
  })
  .meta({ id: 'ZkevmCollection' });

export const collectionResultSchema = z.object({ result: collectionSchema }).meta({ id: 'ZkevmCollectionResult' });

export const collectionPageSchema = z
  .object({ result: z.array(collectionSchema), page: pageSchema })
  .meta({ id: 'ZkevmCollectionPage' });

export const filtersSchema = z
  .object({
    result: z.object({
      chain: chainSchema,
      contract_address: z.string(),
      filters: z.array(
        z.object({
          name: z.string(),
          values: z
            .array(z.object({ value: z.string(), nft_count: z.string() }))
            .meta({ description: 'The 100 most common ones.' }),
          omitted_values_count: z.int().min(0),
        }),
      ),
    }),
    page: pageSchema,
  })
  .meta({ id: 'ZkevmFilters' });

export const chainPageSchema = z
  .object({
    result: z.array(
      chainSchema.extend({
        rpc_url: z.string().nullable().meta({ description: 'Always null: such URLs contain keys.' }),
        operator_allowlist_address: z.string().nullable(),
        minter_address: z.string().nullable(),
      }),
    ),
    page: pageSchema,
  })
  .meta({ id: 'ZkevmChainPage' });
