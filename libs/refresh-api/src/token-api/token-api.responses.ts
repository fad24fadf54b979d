import { z } from 'zod';
import { pageSchema, timestampSchema } from '../project-api/project-api.responses.js';

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
    image_url: text.meta({ description: 'Can be shown as it is: http(s), or a `data:` image.' }),
    image_original: text.meta({
      description: 'As the document has it; the token URI where that leads to a picture. Names no gateway of ours.',
    }),
    image_version: z.int().meta({ description: 'Moves when `image_url` changes: for cache keys of thumbnails.' }),
    animation_url: text.meta({ description: 'The same, or `data:` video, audio or a model.' }),
    animation_original: text.meta({ description: 'As the document has it.' }),
    external_url: text,
    youtube_url: text,
    background_color: text.meta({ description: 'Six hex digits, lower case.' }),
    decimals: z.int().nullable(),
    localization: z
      .object({ uri: z.string(), default_locale: text, locales: z.array(z.string()) })
      .nullable()
      .meta({ description: 'ERC-1155: where translations are. They are not fetched.' }),
    attributes: z.array(
      z.object({
        trait_type: z.string(),
        value: z.union([z.string(), z.number(), z.boolean()]),
        value_type: z.enum(['string', 'number', 'boolean', 'date']).meta({
          description: '`number` with a text value: a number that JavaScript cannot hold exactly.',
        }),
        display_type: text,
        max_value: z.number().nullable(),
      }),
    ),
    warnings: z.array(z.string()).meta({ description: 'Codes of what was odd about the document.' }),
    metadata_status: z.enum(['pending', 'ok', 'stale', 'failed']),
    metadata_url: text.meta({
      description: 'What was requested, without credentials; a gateway for `ipfs:` and `ar:`.',
    }),
    metadata_version: z.int().meta({ description: '+1 at every change of content.' }),
    content_hash: text,
    last_attempt_at: time,
    last_success_at: time,
    changed_at: time.meta({ description: 'Moves only when the content changed.' }),
    stale_since: time.meta({ description: 'The first failure after the last success.' }),
    last_error_code: text,
    last_error_reason: text,
    document: z
      .record(z.string(), z.unknown())
      .nullable()
      .meta({ description: 'The document as served, numbers to the last digit.' }),
  })
  .meta({ id: 'Token' });

export const traitsSchema = z
  .object({
    chain_id: z.int(),
    collection_address: address,
    traits: z.array(
      z.object({
        trait_type: z.string().meta({ examples: ['Background'] }),
        value_count: z.int().meta({ description: 'Different values, also those that are not listed.' }),
        minimum: text.meta({ description: 'Of the numeric values, to the last digit.' }),
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
        attempt: z
          .int()
          .min(1)
          .meta({ description: 'Which try. With several gateways a try can be several requests.' }),
        url: z.string(),
        outcome: z.enum(['fetched', 'not_modified', 'unreachable', 'bad_status', 'undecodable', 'no_token']),
        status_code: z.int().nullable(),
        reason: text.meta({ description: '`null` for a success.', examples: ['timeout'] }),
        duration_ms: z.int(),
        bytes: z.int().meta({ description: 'After decompression.' }),
        attempted_at: timestampSchema,
      }),
    ),
    ...pageSchema,
  })
  .meta({ id: 'AttemptPage' });
