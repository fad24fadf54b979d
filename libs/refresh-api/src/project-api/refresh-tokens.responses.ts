import { VERDICT_NAMES } from '@app/metadata-refresh';
import { z } from 'zod';
import { timestampSchema } from '../time.schema.js';
import { changedTraitsSchema } from '../version-change.schema.js';
import { errorCodeSchema, pageSchema, reasonSchema, tokenIdSchema } from './project-api.responses.js';

const refreshTokenSchema = z
  .object({
    token_id: tokenIdSchema,
    verdict: z.enum([...VERDICT_NAMES, 'pending']).meta({
      description:
        '`updated`: the content changed. `unchanged`: it is the same. `superseded`: a later fetch was stored first. `held`: the record is kept as it is for now. `staged`: saved for a reveal. `failed`: see `error_code` and `reason`. `cancelled`: not processed. `pending`: not processed yet.',
    }),
    attempts: z
      .int()
      .min(0)
      .meta({ description: 'Tries so far. 0: the document was already fetched for another refresh.' }),
    finished_at: timestampSchema.nullable().meta({ description: '`null`: pending.' }),
    metadata_version: z
      .int()
      .nullable()
      .meta({ description: 'The version of the record after this result. `null`: pending, failed or cancelled.' }),
    changed_fields: z
      .array(z.string())
      .nullable()
      .meta({
        description:
          'Of an updated token: the fields whose values changed; empty if only other parts of the document did. `null`, also in the next three: not updated, or not known.',
        examples: [['name', 'attributes']],
      }),
    traits_added: changedTraitsSchema.nullable().meta({ description: 'At most 100.' }),
    traits_removed: changedTraitsSchema.nullable().meta({ description: 'At most 100.' }),
    has_all_traits: z.boolean().nullable().meta({ description: '`false`: there were too many for the two lists.' }),
    error_code: errorCodeSchema
      .nullable()
      .meta({ description: '`null`: the token has not failed. The same holds for the next three fields.' }),
    reason: reasonSchema.nullable(),
    status_code: z
      .int()
      .nullable()
      .meta({ description: 'The status of the response. `null`: there was none.', examples: [404] }),
    metadata_url: z
      .string()
      .nullable()
      .meta({
        description: 'The URL that was requested, without credentials; empty if nothing was requested.',
        examples: ['https://api.game.example/tokens/1'],
      }),
    next_attempt_at: timestampSchema
      .nullable()
      .meta({ description: 'While a pending token waits for another try: not before this time.' }),
  })
  .meta({ id: 'RefreshToken' });

export const refreshTokenPageSchema = z
  .object({ result: z.array(refreshTokenSchema), ...pageSchema })
  .meta({ id: 'RefreshTokenPage' });
