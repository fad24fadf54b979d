import { REFRESH_TRIGGERS, REQUESTED_TRIGGERS } from '@app/metadata-refresh';
import { z } from 'zod';
import { collectionAddressSchema } from '../collection-address.schema.js';
import { cursorSchema, emptyIsAbsent, pageSizeSchema } from '../paging.schemas.js';
import { uuidParamSchema } from '../uuid-param.schema.js';

const triggerRule = `must be one or more of ${REFRESH_TRIGGERS.join(', ')}, separated by commas`;
/** `trigger=event&trigger=push` and `trigger=event,push` are the same. */
const triggersSchema = z
  .preprocess(
    emptyIsAbsent,
    z
      .union([z.string(), z.array(z.string())], { error: triggerRule })
      .transform((given) => [given].flat().flatMap((text) => text.split(',')))
      .pipe(z.array(z.enum(REFRESH_TRIGGERS, { error: triggerRule })))
      .optional(),
  )
  .meta({
    description: `Only refreshes with one of these triggers: several parameters, or one with commas. Absent: ${REQUESTED_TRIGGERS.join(', ')}.`,
  });

export const listRefreshesSchema = z
  .object({
    page_size: pageSizeSchema,
    cursor: cursorSchema('uuid'),
    collection_address: z.preprocess(emptyIsAbsent, collectionAddressSchema.optional()).meta({
      type: 'string',
      description: 'Only refreshes of this collection. Empty or absent: all refreshes of the project.',
    }),
    trigger: triggersSchema,
  })
  .transform(({ page_size, cursor, collection_address, trigger }) => {
    return { limit: page_size, after: cursor, collectionAddress: collection_address, triggers: trigger };
  });
export type ListRefreshes = z.output<typeof listRefreshesSchema>;

export const listErrorsSchema = z
  .object({ page_size: pageSizeSchema, cursor: cursorSchema('bigint') })
  .transform((query) => ({ limit: query.page_size, after: query.cursor }));
export type ListErrors = z.output<typeof listErrorsSchema>;

export const refreshIdSchema = uuidParamSchema('refresh_id').meta({
  description: 'The `refresh_id` of the receipt.',
  format: 'uuid',
  examples: ['6c5d2a3e-9b1c-4f6e-8a37-1d0f0a5b7c21'],
});
