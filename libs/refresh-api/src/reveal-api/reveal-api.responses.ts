import { BLOCKED_REASONS, REVEAL_STATES } from '@app/metadata-refresh';
import { z } from 'zod';
import { pageSchema } from '../project-api/project-api.responses.js';
import { timestampSchema } from '../time.schema.js';

const revealId = z.string().meta({ format: 'uuid', examples: ['0b8a2f5e-7d1c-4d0e-9f37-52c1a9e4b6d0'] });
const refreshId = z.string().meta({ format: 'uuid', examples: ['6c5d2a3e-9b1c-4f6e-8a37-1d0f0a5b7c21'] });
const count = z.int().min(0);

export const revealReceiptSchema = z
  .object({
    reveal_id: revealId,
    refresh_id: refreshId.meta({ description: 'The refresh that fetches the documents.' }),
  })
  .meta({ id: 'RevealReceipt' });

export const revealSchema = z
  .object({
    reveal_id: revealId,
    refresh_id: refreshId.meta({
      description:
        'The refresh that fetches the documents. Its receipt has a verdict for each token, and a retry of its failed tokens stages them too.',
    }),
    collection_address: z
      .string()
      .meta({ description: 'Lower case.', examples: ['0x95cf5c1b78ed03db3a1d69e722f2e2fa40cdf584'] }),
    state: z.enum(REVEAL_STATES).meta({
      description:
        '`staging`: documents are being fetched. `staged`: no token is pending. `publishing`: they are being written to the records. `published`. `reverting`: the documents that it has replaced are being written again. `reverted`. `cancelled` and `expired`: its documents are gone.',
    }),
    publish: z.union([z.enum(['manual', 'when_complete']), z.object({ at: timestampSchema })]),
    min_succeeded: z.number().meta({ examples: [1] }),
    summary: z.object({
      total: count,
      staged: count.meta({ description: 'Tokens with a staged document.' }),
      failed: count.meta({ description: 'Tokens that ended without a staged document.' }),
      pending: count,
    }),
    is_ready: z.boolean().meta({ description: 'Whether it can be published now.' }),
    blocked: z
      .object({ since: timestampSchema, reason: z.enum(BLOCKED_REASONS) })
      .nullable()
      .meta({
        description:
          'It was due to be published or reverted, and could not be. `pending`: some tokens are not processed. `not_enough_staged`: too many have failed. `failed`: publishing or reverting it has failed several times. It is published as soon as it is ready, except after `failed`.',
      }),
    outcome: z
      .object({
        updated: count.meta({ description: 'Their content changed.' }),
        unchanged: count.meta({ description: 'They had the document already.' }),
        superseded: count.meta({ description: 'They keep what a later fetch, a restore or a push has written.' }),
        missing: count.meta({ description: 'They are not registered any more.' }),
      })
      .nullable()
      .meta({ description: 'What became of the staged tokens. `null`: it is not published.' }),
    reverted: z
      .object({
        at: timestampSchema,
        refresh_id: refreshId.meta({
          description:
            'A completed refresh with the trigger `restore`, whose receipt says what became of each token: `updated`, `superseded` (`changed_since`), `unchanged` (`no_earlier_version`, `not_kept`) or `failed` (`missing`).',
        }),
        restored: count.meta({ description: 'They show what the reveal had replaced.' }),
        changed_since: count.meta({ description: 'They keep what was written after the reveal.' }),
        no_earlier_version: count.meta({
          description: 'They keep the document of the reveal, because they had no metadata before.',
        }),
        not_kept: count.meta({
          description: 'They keep the document of the reveal, because the one before is not kept any more.',
        }),
        missing: count.meta({ description: 'They are not registered any more.' }),
      })
      .nullable()
      .meta({ description: 'What became of the records that the reveal had changed. `null`: it is not reverted.' }),
    created_at: timestampSchema,
    expires_at: timestampSchema.meta({
      description: 'If it is not published before, its documents are deleted.',
    }),
    ended_at: timestampSchema.nullable().meta({
      description:
        'When it was published or cancelled, or was found to be expired. A revert does not change it. `null`: it is open.',
    }),
  })
  .meta({ id: 'Reveal' });

export const revealPageSchema = z.object({ result: z.array(revealSchema), ...pageSchema }).meta({ id: 'RevealPage' });
