import { PUSH_POLICIES, URI_RULES } from '@app/token-store';
import { z } from 'zod';
import { pageSchema } from '../project-api/project-api.responses.js';
import { timestampSchema } from '../time.schema.js';

const collection = {
  chain_id: z.int().meta({ examples: [1] }),
  collection_address: z.string().meta({ examples: ['0x95cf5c1b78ed03db3a1d69e722f2e2fa40cdf584'] }),
  source: z.enum(['metadata_api', 'chain', 'pushed']).meta({
    description:
      '`metadata_api`: a token’s document is at `metadata_url`. `chain`: the contract returns each token’s URI. `pushed`: its owner sends the metadata, and nothing is fetched.',
  }),
  metadata_url: z
    .string()
    .nullable()
    .meta({ examples: ['https://api.game.example/tokens'] }),
  uri_rule: z.enum(URI_RULES).nullable(),
  push_policy: z.enum(PUSH_POLICIES).meta({
    description:
      'What a fetch does to metadata that was pushed. `push_wins`: nothing; such tokens are not fetched. `last_wins`: the later one replaces the other.',
  }),
  host_concurrency: z.int().nullable().meta({
    description:
      'The maximum number of concurrent requests to its metadata host, from all processes together. `null`: the deployment’s default.',
  }),
  created_at: timestampSchema,
};

export const collectionPageSchema = z
  .object({ result: z.array(z.object(collection)), ...pageSchema })
  .meta({ id: 'CollectionPage' });

export const collectionSchema = z
  .object({ ...collection, tokens: z.int().min(0).meta({ description: 'The number of registered tokens.' }) })
  .meta({ id: 'Collection' });

export const recordRequestSchema = z
  .object({
    chain_id: collection.chain_id,
    collection_address: collection.collection_address,
    due_at: timestampSchema.meta({
      description: 'When its contract will be read: now, or a minute after the last time.',
    }),
  })
  .meta({ id: 'CollectionRecordRequest' });

export const registrationSchema = z
  .object({
    registered: z.int().min(0).meta({ description: 'Tokens that this request registered.' }),
    already_registered: z.int().min(0),
  })
  .meta({ id: 'Registration' });
