import { PUSH_POLICIES, URI_RULES } from '@app/token-store';
import { z } from 'zod';
import { cursorSchema, pageSizeSchema } from '../paging.schemas.js';
import { strictObject } from '../strict-object.js';
import { tokenIdsSchema } from '../token-ids.schema.js';
import { urlSchema } from '../url.schema.js';

export const listCollectionsSchema = strictObject(
  { page_size: pageSizeSchema, cursor: cursorSchema('uuid') },
  'a parameter',
).transform((query) => ({ limit: query.page_size, after: query.cursor }));
export type ListCollections = z.output<typeof listCollectionsSchema>;

const uriRuleText = `must be one of ${URI_RULES.join(', ')}, or null for the first`;

const pushPolicyText = `must be one of ${PUSH_POLICIES.join(', ')}, or null for that of its source`;

export const changeCollectionSchema = strictObject(
  {
    metadata_url: urlSchema.optional().meta({
      description:
        'For a collection with a Metadata API. Takes effect with the next refresh. Placeholders are filled in for each token: ' +
        '`{id}` (the token id in decimal digits), `{id_hex64}` (the token id as 64 lower-case hex digits) and `{address}` ' +
        '(the contract). Without `{id}` or `{id_hex64}`, a slash and the id are appended.',
      examples: ['https://api.game.example/tokens', 'https://api.game.example/{address}/{id}.json'],
    }),
    uri_rule: z
      .enum(URI_RULES, { error: uriRuleText })
      .nullable()
      .optional()
      .meta({ description: 'For a collection whose source is its contract: how its token URIs are read.' }),
    push_policy: z
      .enum(PUSH_POLICIES, { error: pushPolicyText })
      .nullable()
      .optional()
      .meta({ description: 'What a fetch does to metadata that was pushed. null: the default of its source.' }),
  },
  'a field',
)
  .refine((body) => Object.keys(body).length === 1, {
    error: 'the body must have one field: metadata_url, uri_rule or push_policy',
  })
  .transform(({ metadata_url, uri_rule, push_policy }) => {
    return { metadataUrl: metadata_url, uriRule: uri_rule, pushPolicy: push_policy };
  });
export type ChangeCollection = z.output<typeof changeCollectionSchema>;

export const registerTokensSchema = strictObject(
  {
    token_ids: tokenIdsSchema.meta({
      description: 'At most 1,000 by default. Tokens that are already registered do not change.',
      examples: [['1', '2']],
    }),
  },
  'a field',
).transform(({ token_ids }) => [...new Set(token_ids)]);
export type RegisterTokens = z.output<typeof registerTokensSchema>;
