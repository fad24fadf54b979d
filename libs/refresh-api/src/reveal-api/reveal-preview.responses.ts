import { VERDICT_NAMES, type RevealOutcome } from '@app/metadata-refresh';
import { z } from 'zod';
import { errorCodeSchema, pageSchema } from '../project-api/project-api.responses.js';
import { timestampSchema } from '../time.schema.js';
import { tokenSchema } from '../token-api/token-api.responses.js';
import { versionChangeSchema } from '../version-change.schema.js';
import { revealSchema } from './reveal-api.responses.js';

const count = z.int().min(0);

const EFFECTS = ['updated', 'unchanged', 'superseded', 'missing'] as const satisfies (keyof RevealOutcome)[];
const effectSchema = z.enum(EFFECTS).meta({
  description:
    'What publishing would do. `updated`: the content changes. `unchanged`: the record has the document already. `superseded`: it keeps what a later fetch, a restore or a push had written. `missing`: the token is not registered any more.',
});

const changesSchema = z.object({
  as_of: timestampSchema,
  updated: count.meta({ description: 'Staged tokens whose content would change.' }),
  unchanged: count.meta({ description: 'They have the document already.' }),
  superseded: count.meta({
    description: 'They would keep what a later fetch, a restore or a push had written.',
  }),
  missing: count.meta({ description: 'They are not registered any more.' }),
  first_metadata: count.meta({ description: 'Of the updated ones: they have no metadata yet.' }),
  not_staged: count.meta({
    description: 'Tokens of the collection without a staged document. They would stay as they are.',
  }),
  fields: z.record(z.string(), count).meta({
    description: 'How many of the updated tokens get another value in each field of the record.',
    examples: [{ name: 9990, description: 9990, image_url: 9990, attributes: 9990 }],
  }),
  traits: z.object({
    tokens: count.meta({ description: 'Updated tokens that get other traits, except those without metadata.' }),
    added: count.meta({ description: 'Values that tokens would gain, summed over all tokens.' }),
    removed: count.meta({ description: 'Values that tokens would lose.' }),
    values_added: count.meta({ description: 'Values that no token of the collection has now.' }),
    values_removed: count.meta({ description: 'Values that no token would have any more.' }),
    types_added: count.meta({ description: 'Trait types that no token has now.' }),
    types_removed: count.meta({ description: 'Trait types that no token would have any more.' }),
  }),
});

export const revealDetailsSchema = revealSchema
  .extend({
    changes: changesSchema.nullable().meta({
      description:
        'What publishing it would change. `null`: it is not `staged`, or it could not be read in time. About more than 5,000 documents it can be as old as a millisecond for each.',
    }),
  })
  .meta({ id: 'RevealDetails' });

export const lintSchema = z
  .object({
    reveal_id: z.string().meta({ format: 'uuid', examples: ['0b8a2f5e-7d1c-4d0e-9f37-52c1a9e4b6d0'] }),
    as_of: timestampSchema,
    findings: z.array(
      z.object({
        code: z.string().meta({ examples: ['trait_types_alike'] }),
        message: z.string(),
        count: count.meta({
          description:
            'How many tokens; with `trait_types_alike`, `trait_values_alike`, `numbers_as_text` and `mixed_values`: how many cases.',
        }),
        examples: z
          .array(
            z.object({
              tokens: count.meta({ description: 'How many tokens this example is about.' }),
              token_ids: z.array(z.string()).meta({ description: 'Some of them.', examples: [['7', '12']] }),
              trait_types: z.array(z.string()).meta({ examples: [['Eyes', 'eyes ']] }),
              values: z.array(z.string()),
            }),
          )
          .meta({ description: 'At most five.' }),
      }),
    ),
  })
  .meta({ id: 'RevealLint' });

const text = z.string().nullable();

export const revealTokenSchema = z
  .object({
    token_id: z.string().meta({ examples: ['1'] }),
    verdict: z.enum([...VERDICT_NAMES, 'pending']).meta({
      description:
        'As in the receipt of the refresh that staged it last. `staged`: the reveal has a document for it. `failed`, `pending` and `cancelled`: it has none.',
    }),
    effect: effectSchema.nullable(),
    error_code: errorCodeSchema.nullable().meta({ description: 'Of a failed token.' }),
    reason: text.meta({ description: 'Why it failed, more precisely than `error_code`.', examples: ['status_404'] }),
    advice: text.meta({ description: 'What to do about it, in one sentence.' }),
    status_code: z.int().nullable(),
    metadata_url: text.meta({ description: 'The URL that was requested, without credentials. `null`: none was.' }),
    warnings: z.array(z.object({ code: z.string(), message: z.string() })),
    ...versionChangeSchema,
    omitted: z.enum(['document', 'record']).nullable().meta({
      description:
        'What is `null` because it is too large to be shown: a record is shown up to 256 KiB, with its `document` if there is room.',
    }),
    record: tokenSchema.nullable().meta({
      description:
        'The record as publishing the document now would write it, in the form of the token routes; if it is superseded, as it would be otherwise. `null`: there is no document, or no token.',
    }),
  })
  .meta({ id: 'RevealToken' });

export const stagedTokenPageSchema = z
  .object({
    result: z.array(
      z.object({
        token_id: z.string().meta({ examples: ['1'] }),
        effect: effectSchema,
        name: text,
        image_url: text,
        warnings: z.array(z.string()),
        ...versionChangeSchema,
      }),
    ),
    ...pageSchema,
  })
  .meta({ id: 'StagedTokenPage' });
