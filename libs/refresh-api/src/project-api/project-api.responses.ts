import { REFRESH_ERROR_CODES, REFRESH_TRIGGERS } from '@app/metadata-refresh';
import { z } from 'zod';
import { timestampSchema } from '../time.schema.js';

/** The responses of this dialect. The OpenAPI document shows these schemas, and the presenter must satisfy them. */

const refreshId = z.string().meta({ format: 'uuid', examples: ['6c5d2a3e-9b1c-4f6e-8a37-1d0f0a5b7c21'] });
const collectionAddress = z
  .string()
  .meta({ description: 'Lower case.', examples: ['0x95cf5c1b78ed03db3a1d69e722f2e2fa40cdf584'] });

export const receiptSchema = z
  .object({ refresh_id: refreshId })
  .meta({ id: 'Receipt', description: 'The id of the saved refresh, with which you read its status.' });

const count = z.int().min(0);

/** The event of a contract that caused a refresh. */
export const refreshEventSchema = z
  .object({
    kind: z.string().meta({ examples: ['metadata_update'] }),
    chain_id: z.int(),
    transaction_hash: z.string().nullable(),
    block_number: z.int(),
    log_index: z.int().nullable(),
  })
  .nullable()
  .meta({
    description:
      'The event of the contract that caused it; the newest one of several. `null`: it has another trigger. Without a transaction, part of the chain was not read, and all tokens are refreshed.',
  });

export const cooldownSchema = z.object({
  host: z.string().meta({
    description:
      'The host, with the port if the URL has one; `ipfs:`, `ipns:` or `ar:` for content; `chain:<chain id>/<address>` for a contract.',
    examples: ['api.game.example'],
  }),
  until: timestampSchema,
});

const refreshRow = {
  refresh_id: refreshId,
  status: z.enum(['queued', 'in_progress', 'completed']).meta({
    description:
      '`queued`: no token has been processed yet. `in_progress`: at least one has. `completed`: all have, even if every one failed.',
  }),
  collection_address: collectionAddress,
  started_at: timestampSchema,
  completed_at: timestampSchema.nullable().meta({ description: '`null` while a token is pending.' }),
  summary: z.object({
    succeeded: count,
    failed: count,
    pending: count,
    cancelled: count.optional().meta({
      description: 'Tokens that were not processed because the refresh was cancelled. Absent: none.',
    }),
  }),
  trigger: z.enum(REFRESH_TRIGGERS).meta({
    description:
      'What requested it. `api`: this API, or the project on the console. `partner_api`: the collection API. `cli`, `console`: an operator. `retry`: the failed tokens of another refresh. `reveal`, `schedule`, `event`, `push`, `restore`: the service itself.',
  }),
  event: refreshEventSchema,
  verdicts: z
    .object({
      updated: count,
      unchanged: count,
      superseded: count,
      held: count,
      staged: count,
      failed: count,
      cancelled: count,
    })
    .meta({
      description:
        'How the tokens ended. `updated`: the content changed. `unchanged`: it is the same. `superseded`: a later fetch was stored first. `held`: the record is kept as it is for now. `staged`: saved for a reveal.',
    }),
  cooldown: cooldownSchema.nullable().meta({
    description:
      'The metadata host of the pending tokens is in cooldown, after a 429 or a 503 with `Retry-After`: none of them is fetched before `until`. `null`: there is no cooldown, or no token is pending.',
  }),
  not_before: timestampSchema.nullable().meta({
    description: 'The refresh is scheduled: it begins then. `null`: it began when it was accepted.',
  }),
  paused_at: timestampSchema.nullable().meta({ description: '`null`: it is not paused.' }),
  cancelled_at: timestampSchema.nullable().meta({ description: '`null`: it was not cancelled.' }),
  retry_of: refreshId.nullable().meta({ description: 'The refresh whose failed tokens it tries again.' }),
};

export const errorCodeSchema = z.enum(REFRESH_ERROR_CODES);
export const tokenIdSchema = z.string().meta({ examples: ['1'] });
export const reasonSchema = z
  .string()
  .meta({ description: 'A more precise reason than `error_code`.', examples: ['timeout'] });

/** A row of the list. */
export const refreshRowSchema = z.object(refreshRow).meta({ id: 'RefreshRow' });

export const refreshSchema = z
  .object({
    ...refreshRow,
    progress: z
      .object({
        per_second: z
          .number()
          .min(0)
          .meta({
            description: 'Tokens per second, measured over the last 10 to 20 seconds with results and the time since.',
            examples: [42.5],
          }),
        estimated_completion: timestampSchema.nullable().meta({
          description:
            'When all tokens are processed at this speed; not before a cooldown ends. `null`: not within a year.',
        }),
      })
      .nullable()
      .meta({ description: '`null`: the refresh is completed, paused or cancelled, or its speed is not known yet.' }),
    reasons: z
      .array(
        z.object({
          error_code: errorCodeSchema,
          reason: reasonSchema,
          count: z.int().min(1).meta({ description: 'Tokens that failed for this reason.' }),
          example_token_id: tokenIdSchema.meta({ description: 'One of these tokens.' }),
          advice: z.string().meta({
            description: 'What the owner of the Metadata API can do: one sentence.',
            examples: [
              'Your server has no document for these tokens: publish it, or check the metadata URL and the ids.',
            ],
          }),
        }),
      )
      .meta({ description: 'Why tokens failed: the ten most frequent reasons, the most frequent first.' }),
    advice: z.array(z.string()).meta({
      description: 'What to know and what to do next: sentences for people.',
      examples: [
        [
          '12 tokens failed with status_404, for example token 7. Your server has no document for these tokens: publish it, or check the metadata URL and the ids.',
        ],
      ],
    }),
  })
  .meta({ id: 'Refresh' });

export const pageSchema = {
  cursor: z.string().meta({
    description: 'For the next page. It is set on the last page too: stop when `remaining` is 0.',
    examples: ['eyJjcmVhdGVkX2F0IjoiMjAyNi0xMS0yMVQwOTozMDowMC4wMDAwMDBaIiwiaWQiOiI3In0'],
  }),
  remaining: z.int().min(0).max(1).meta({ description: '1: there are more rows; 0: there are none.' }),
};

export const refreshPageSchema = z
  .object({ result: z.array(refreshRowSchema), ...pageSchema })
  .meta({ id: 'RefreshPage' });

export const refreshErrorSchema = z
  .object({
    token_id: tokenIdSchema,
    collection_address: collectionAddress,
    client_token_metadata_url: z.string().meta({
      description:
        'The URL that was requested, with the token id and without credentials; empty if nothing was requested.',
      examples: ['https://api.game.example/tokens/1'],
    }),
    client_response_status_code: z
      .int()
      .nullable()
      .meta({ examples: [404] }),
    client_response_body: z.string().nullable().meta({
      description: 'The beginning of the response body. It is untrusted text: escape it where you display it.',
    }),
    error_code: errorCodeSchema,
    reason: reasonSchema,
    created_at: timestampSchema,
  })
  .meta({ id: 'RefreshError' });

export const refreshErrorPageSchema = z
  .object({ result: z.array(refreshErrorSchema), ...pageSchema })
  .meta({ id: 'RefreshErrorPage' });

export const tokensPerHourSchema = z.object({
  limit: z
    .int()
    .min(0)
    .meta({ examples: [30_000] }),
  remaining: z
    .int()
    .min(0)
    .meta({ examples: [29_000] }),
  resets_at: timestampSchema,
});

export const limitsSchema = z
  .object({
    requests_per_second: z
      .int()
      .min(0)
      .meta({ description: 'Requests for refreshes per second. 0 blocks every request.', examples: [5] }),
    tokens_per_request: z
      .int()
      .min(0)
      .meta({ description: 'Tokens per request. 0 blocks every request.', examples: [1000] }),
    tokens_per_selection: z
      .int()
      .min(0)
      .meta({
        description: 'Tokens of one request with `tokens` or `all`. 0 blocks every such request.',
        examples: [30_000],
      }),
    tokens_per_hour: tokensPerHourSchema,
  })
  .meta({ id: 'Limits' });

/** Every `code` of this dialect, on which a client can switch. */
const ERROR_CODES = [
  'input_validation_failed',
  'malformed_request',
  'collection_ambiguous',
  'source_not_supported',
  'selection_empty',
  'selection_too_large',
  'unauthorized',
  'forbidden',
  'refresh_not_found',
  'collection_not_found',
  'token_not_found',
  'version_not_found',
  'version_not_kept',
  'hold_not_found',
  'not_supported',
  'webhook_not_found',
  'not_found',
  'method_not_allowed',
  'refresh_completed',
  'refresh_cancelled',
  'nothing_to_retry',
  'reveal_not_found',
  'reveal_in_progress',
  'reveal_not_ready',
  'reveal_not_revertible',
  'reveal_ended',
  'not_acceptable',
  'token_limit_reached',
  'scheduled_limit_reached',
  'webhook_limit_reached',
  'webhook_test_running',
  'payload_too_large',
  'unsupported_media_type',
  'idempotency_key_reused',
  'refresh_limit_exceeded',
  'internal_server_error',
  'service_unavailable',
] as const;
export type ErrorCode = (typeof ERROR_CODES)[number];

export const errorBodySchema = z
  .object({
    code: z.string().meta({ description: `One of: ${ERROR_CODES.join(', ')}.`, examples: ['input_validation_failed'] }),
    message: z.string().meta({ examples: ['token_ids.0 must be a decimal uint256'] }),
    details: z.string().optional(),
  })
  .meta({ id: 'ProjectApiError' });
