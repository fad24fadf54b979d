import { VALIDATION_VERDICTS, type ValidationVerdict } from '@app/metadata-refresh';
import { z } from 'zod';
import { collectionAddressSchema } from '../collection-address.schema.js';
import { strictObject } from '../strict-object.js';
import { tokenSchema } from '../token-api/token-api.responses.js';
import { tokenIdsSchema } from '../token-ids.schema.js';
import { versionChangeSchema } from '../version-change.schema.js';
import { cooldownSchema, errorCodeSchema } from '../project-api/project-api.responses.js';

export const validationRequestSchema = strictObject(
  {
    collection_address: collectionAddressSchema.meta({
      description: 'Contract address, in any case; a mixed-case address must have a valid EIP-55 checksum.',
      examples: ['0x95cf5c1b78ed03db3a1d69e722f2e2fa40cdf584'],
    }),
    token_ids: tokenIdsSchema.meta({
      description: 'The tokens to validate, at most 20. A repeated id counts once.',
      examples: [['1', '2', '777']],
    }),
  },
  'a field',
).transform(({ collection_address, token_ids }) => ({ collectionAddress: collection_address, tokenIds: token_ids }));
export type ValidateTokens = z.output<typeof validationRequestSchema>;

const count = z.int().min(0);

const requestSchema = z.object({
  url: z.string().meta({
    description: 'The URL, without credentials. Empty for an attempt at a contract.',
    examples: ['https://api.game.example/tokens/1'],
  }),
  redirects: z.array(z.string()).meta({
    description:
      'The URLs that redirects led to, in order and without credentials; after a gateway that needs credentials, only their origins.',
  }),
  outcome: z.enum(['fetched', 'not_modified', 'unreachable', 'bad_status', 'undecodable', 'no_token']),
  status_code: z.int().nullable().meta({ description: '`null`: there was no complete response.' }),
  reason: z
    .string()
    .nullable()
    .meta({ description: '`null` for a success.', examples: ['timeout'] }),
  duration_ms: count,
  bytes: count.meta({ description: 'After decompression.' }),
});

const tokenValidationSchema = z.object({
  token_id: z.string().meta({ examples: ['1'] }),
  verdict: z.enum(VALIDATION_VERDICTS).meta({
    description:
      '`updated`, `unchanged`, `failed`: how a refresh would end. `held`, `superseded`: the document is good, but a refresh would not fetch it, because the record is held or its pushed metadata stays; the other fields tell what a fetch would do otherwise. `not_tried`: its metadata host was in cooldown or had no turn for it. `not_finished`: its fetch was running at the time limit.',
  }),
  requests: z.array(requestSchema).meta({
    description:
      'The requests in order; the last one determined the verdict. A URL that was refused, and a document in a `data:` URI, are in it as well.',
  }),
  error_code: errorCodeSchema.nullable().meta({ description: 'Of a failed token.' }),
  reason: z
    .string()
    .nullable()
    .meta({
      description:
        'Why the token failed, more precisely than `error_code`; or why it has no result: `cooldown`, `host_busy`, `time_limit`, `shutdown`, `internal_error`.',
      examples: ['status_404'],
    }),
  advice: z
    .string()
    .nullable()
    .meta({ description: 'What to do about it, in one sentence. `null`: nothing is wrong.' }),
  retried_by_refresh: z.boolean().meta({
    description: 'Whether a refresh would try this token again before it fails. A validation tries once.',
  }),
  response_body: z.string().nullable().meta({
    description:
      'Of a failed token: the beginning of the response body. It is untrusted text: escape it where you display it.',
  }),
  warnings: z.array(
    z.object({
      code: z.string().meta({ examples: ['relative_image'] }),
      message: z.string().meta({
        examples: ['The URL in image was dropped, because it is a path or a file name: write the whole URL.'],
      }),
    }),
  ),
  ...versionChangeSchema,
  omitted: z.enum(['document', 'record']).nullable().meta({
    description:
      'What is `null` because it is too large to be shown: a record is shown up to 256 KiB, with its `document` if there is room.',
  }),
  record: tokenSchema.nullable().meta({
    description: 'The record as a fetch would store it, in the form of the token routes. `null`: it would store none.',
  }),
});

export const validationSchema = z
  .object({
    collection_address: z
      .string()
      .meta({ description: 'Lower case.', examples: ['0x95cf5c1b78ed03db3a1d69e722f2e2fa40cdf584'] }),
    verdicts: z
      .object(
        Object.fromEntries(VALIDATION_VERDICTS.map((verdict) => [verdict, count])) as Record<
          ValidationVerdict,
          typeof count
        >,
      )
      .meta({ description: 'How many tokens have each verdict.' }),
    cooldown: cooldownSchema.nullable().meta({
      description:
        'The metadata host is in cooldown, after a 429 or a 503 with `Retry-After`, which a validation can cause as well: it gets no requests before `until`. `null`: there is none.',
    }),
    tokens: z.array(tokenValidationSchema).meta({ description: 'In the order of the request.' }),
  })
  .meta({ id: 'Validation' });
