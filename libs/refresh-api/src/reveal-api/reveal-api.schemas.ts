import type { RevealPublication } from '@app/metadata-refresh';
import { z } from 'zod';
import { collectionAddressSchema } from '../collection-address.schema.js';
import { cursorSchema, emptyIsAbsent, pageSizeSchema } from '../paging.schemas.js';
import { checkWanted, toWanted, wantedFields } from '../project-api/refresh-request.schema.js';
import { strictObject, unknownInput } from '../strict-object.js';
import { timeSchema } from '../time.schema.js';
import { withoutBody } from '../without-body.js';
import { uuidParamSchema } from '../uuid-param.schema.js';

const publishRule = 'must be "manual", "when_complete" or {"at": "2026-12-01T18:00:00Z"}';
const atSchema = z.strictObject(
  { at: timeSchema },
  {
    error: (issue) => (issue.code === 'unrecognized_keys' ? unknownInput(issue.keys, ['at'], 'a field') : publishRule),
  },
);
const publishSchema = z
  .union([z.enum(['manual', 'when_complete'], { error: publishRule }), atSchema], { error: publishRule })
  .transform((publish): RevealPublication => publish);

const minSucceededSchema = z
  .number({ error: 'must be a number above 0, and at most 1' })
  .gt(0, { error: 'must be above 0' })
  .max(1, { error: 'must be at most 1' });

const SECONDS_PER_UNIT: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };
const ageRule = 'must be a duration from 60 seconds to 30 days, such as "24h", "90m" or "7d"';

export const createRevealSchema = strictObject(
  {
    ...wantedFields,
    publish: publishSchema.optional().meta({
      description:
        '`manual`: by a call (the default). `when_complete`: when all tokens are processed. `{"at": …}`: at that time, before the reveal expires.',
      examples: [{ at: '2026-12-01T18:00:00Z' }, 'manual', 'when_complete'],
    }),
    min_succeeded: minSucceededSchema.optional().meta({
      description: 'The share of the tokens that must be staged before they can be published. Default: 1, all of them.',
      examples: [1, 0.99],
    }),
    max_age: z
      .string({ error: ageRule })
      .regex(/^[1-9][0-9]{0,6}[smhd]$/, { error: ageRule })
      .transform((text) => Number(text.slice(0, -1)) * SECONDS_PER_UNIT[text.at(-1)!]!)
      .refine((seconds) => seconds >= 60 && seconds <= 30 * 86_400, { error: ageRule })
      .optional()
      .meta({
        description:
          'How long the documents wait for their publication. After that, the reveal expires, and they are deleted. Default: 24 hours.',
        examples: ['24h', '7d'],
      }),
  },
  'a field',
)
  .superRefine(checkWanted)
  .transform(({ publish, min_succeeded, max_age, ...wanted }) => ({
    ...toWanted(wanted),
    publish,
    minSucceeded: min_succeeded,
    maxAgeSeconds: max_age,
  }));
export type CreateReveal = z.output<typeof createRevealSchema>;

export const publishRevealSchema = withoutBody(
  strictObject(
    {
      at: timeSchema.optional().meta({
        description: 'Publish then, before the reveal expires. Absent: now.',
        examples: ['2026-12-01T18:00:00Z'],
      }),
      min_succeeded: minSucceededSchema.optional().meta({
        description: 'Replaces that of the reveal: to publish although some tokens have failed.',
        examples: [0.99],
      }),
    },
    'a field',
  ).transform(({ at, min_succeeded }) => ({
    at,
    minSucceeded: min_succeeded,
  })),
);
export type PublishReveal = z.output<typeof publishRevealSchema>;

export const listRevealsSchema = strictObject(
  {
    page_size: pageSizeSchema,
    cursor: cursorSchema('uuid'),
    collection_address: z.preprocess(emptyIsAbsent, collectionAddressSchema.optional()).meta({
      type: 'string',
      description: 'Only reveals of this collection. Empty or absent: all reveals of the project.',
    }),
  },
  'a parameter',
).transform(({ page_size, cursor, collection_address }) => {
  return { limit: page_size, after: cursor, collectionAddress: collection_address };
});
export type ListReveals = z.output<typeof listRevealsSchema>;

export const revealIdSchema = uuidParamSchema('reveal_id').meta({
  description: 'The `reveal_id` of the receipt.',
  format: 'uuid',
  examples: ['0b8a2f5e-7d1c-4d0e-9f37-52c1a9e4b6d0'],
});
