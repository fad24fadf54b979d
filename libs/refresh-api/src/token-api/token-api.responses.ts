import { z } from 'zod';
import { pageSchema, refreshEventSchema } from '../project-api/project-api.responses.js';
import { timestampSchema } from '../time.schema.js';

const text = z.string().nullable();
const time = z.string().nullable().meta({ format: 'date-time' });
const address = z.string().meta({ examples: ['0x95cf5c1b78ed03db3a1d69e722f2e2fa40cdf584'] });

export const tokenSchema = z
  .object({
    chain_id: z.int().meta({ examples: [1] }),
    collection_address: address,
    token_id: z.string().meta({ examples: ['1'] }),
    name: text,
    description: text,
    image_url: text.meta({ description: 'A URL that a browser can show: `https:`, `http:` or a `data:` image.' }),
    image_original: text.meta({
      description:
        'The address as the document has it, or the token URI if that leads to an image. It never names a gateway of this service.',
    }),
    image_version: z
      .int()
      .meta({ description: 'Changes whenever `image_url` changes. Use it in cache keys of thumbnails.' }),
    animation_url: text.meta({ description: 'Like `image_url`, or a `data:` URI with video, audio or a model.' }),
    animation_original: text.meta({ description: 'The address as the document has it.' }),
    external_url: text,
    youtube_url: text,
    background_color: text.meta({ description: 'Six hex digits, lower case.' }),
    decimals: z.int().nullable(),
    localization: z
      .object({ uri: z.string(), default_locale: text, locales: z.array(z.string()) })
      .nullable()
      .meta({ description: 'Where an ERC-1155 document has its translations. They are not fetched.' }),
    attributes: z.array(
      z.object({
        trait_type: z.string(),
        value: z.union([z.string(), z.number(), z.boolean()]),
        value_type: z.enum(['string', 'number', 'boolean', 'date']).meta({
          description: 'If `number` comes with a text, the number is one that JavaScript cannot hold exactly.',
        }),
        display_type: text,
        max_value: z.number().nullable(),
      }),
    ),
    warnings: z.array(z.string()).meta({ description: 'Warning codes: what is unusual about the document.' }),
    metadata_status: z.enum(['pending', 'ok', 'stale', 'failed']),
    metadata_url: text.meta({
      description: 'The URL that was requested, without credentials; for `ipfs:` and `ar:`, the URL at a gateway.',
    }),
    metadata_source: z.enum(['metadata_api', 'token_uri', 'chain', 'pushed']).nullable().meta({
      description: 'Where the document came from. `pushed`: its owner sent it, and there is no `metadata_url`.',
    }),
    pushed_by: text.meta({ description: 'The project that sent the document; null: it was fetched.' }),
    metadata_version: z.int().meta({ description: 'Rises by one with every change of the content.' }),
    content_hash: text,
    last_attempt_at: time,
    last_success_at: time,
    changed_at: time.meta({ description: 'Changes only when the content changes.' }),
    stale_since: time.meta({ description: 'The time of the first failure after the last success.' }),
    held_until: text.meta({
      description:
        'No refresh changes the record before this time; `forever`: until the hold is ended. `null`: it is not held.',
      examples: ['2026-12-31T12:00:00.000Z', 'forever'],
    }),
    burned_at: time.meta({
      description:
        'When an event said that the token was burned. Its last metadata stays, and events no longer refresh it.',
    }),
    last_error_code: text,
    last_error_reason: text,
    document: z
      .record(z.string(), z.unknown())
      .nullable()
      .meta({ description: 'The document as served, with exact numbers.' }),
  })
  .meta({ id: 'Token' });

export const collectionRecordSchema = z
  .object({
    chain_id: z.int().meta({ examples: [1] }),
    collection_address: address,
    standard: z.enum(['erc721', 'erc1155']).nullable().meta({ description: 'As the contract declares by ERC-165.' }),
    owner: text.meta({ description: 'What `owner()` of the contract returned last.' }),
    name: text,
    symbol: text,
    description: text,
    image: text.meta({
      description:
        'A URL that a browser can show, like `banner_image` and `featured_image`: `https:`, `http:` or a `data:` image. After a push, the text that was pushed.',
    }),
    banner_image: text,
    featured_image: text,
    external_link: text,
    collaborators: z.array(z.string()),
    contract_uri: text.meta({ description: 'What `contractURI()` returned, shortened, or what was pushed.' }),
    base_uri: text,
    source: z.enum(['contract', 'pushed']).nullable().meta({
      description: 'Who said it last: the contract, or its owner with a push. `null`: nobody.',
    }),
    warnings: z.array(z.string()).meta({ description: 'Warning codes: what is unusual about the document.' }),
    changed_at: time,
    last_attempt_at: time.meta({ description: 'When the contract was read last.' }),
    last_error: text.meta({ description: 'Why that failed. The record keeps what it has.' }),
    document: z
      .record(z.string(), z.unknown())
      .nullable()
      .meta({ description: 'The document of the contract (ERC-7572) as served, with exact numbers.' }),
  })
  .meta({ id: 'CollectionRecord' });

export const traitsSchema = z
  .object({
    chain_id: z.int(),
    collection_address: address,
    traits: z.array(
      z.object({
        trait_type: z.string().meta({ examples: ['Background'] }),
        value_count: z
          .int()
          .meta({ description: 'The number of different values, including those that are not listed.' }),
        minimum: text.meta({ description: 'The smallest numeric value, exact.' }),
        maximum: text,
        values: z.array(z.object({ value: z.string(), token_count: z.int().min(1) })),
      }),
    ),
  })
  .meta({ id: 'Traits' });

export const attemptPageSchema = z
  .object({
    result: z.array(
      z.object({
        refresh_id: z.string().meta({ format: 'uuid' }),
        attempt: z.int().min(1).meta({
          description: 'The number of the attempt. With several gateways, one attempt can be several requests.',
        }),
        url: z.string(),
        outcome: z.enum(['fetched', 'not_modified', 'unreachable', 'bad_status', 'undecodable', 'no_token']),
        status_code: z.int().nullable(),
        reason: text.meta({ description: '`null` for a success.', examples: ['timeout'] }),
        duration_ms: z.int(),
        bytes: z.int().meta({ description: 'After decompression.' }),
        event: refreshEventSchema,
        attempted_at: timestampSchema,
      }),
    ),
    ...pageSchema,
  })
  .meta({ id: 'AttemptPage' });
