import { z } from 'zod';
import { cursorSchema, pageSizeSchema } from '../paging.schemas.js';
import { strictObject } from '../strict-object.js';
import { timeRule, timeSchema } from '../time.schema.js';
import { withoutBody } from '../without-body.js';
import { chainIdSchema } from './token-api.schemas.js';

const versionRule = 'must be the number of a version: 1, 2, 3 and so on';
const version = z
  .string({ error: versionRule })
  .regex(/^[1-9][0-9]{0,8}$/, { error: versionRule })
  .transform(Number);

export const versionParamSchema = version.meta({
  type: 'integer',
  minimum: 1,
  description: 'The number of a version.',
});

export const versionsQuerySchema = strictObject(
  { chain_id: chainIdSchema, page_size: pageSizeSchema, cursor: cursorSchema('bigint') },
  'a parameter',
).transform(({ chain_id, page_size, cursor }) => ({
  chainId: chain_id,
  limit: page_size,
  before: cursor && Number(cursor.id),
}));
export type VersionsQuery = z.output<typeof versionsQuerySchema>;

/** A body may be left out. */
export const restoreSchema = withoutBody(
  strictObject(
    {
      hold_until: z
        .union([z.literal('forever').transform(() => 'forever' as const), timeSchema], {
          error: `${timeRule}, or "forever"`,
        })
        .optional()
        .meta({
          description:
            'A time in the future, or `forever`. No refresh changes what is restored before. Absent: an existing hold does not change.',
          examples: ['2026-12-31T12:00:00Z', 'forever'],
        }),
    },
    'a field',
  ),
).transform(({ hold_until }) => ({ holdUntil: hold_until }));
export type Restore = z.output<typeof restoreSchema>;

export const versionDiffQuerySchema = strictObject(
  {
    chain_id: chainIdSchema,
    to: version
      .optional()
      .meta({ type: 'integer', minimum: 1, description: 'The other version. Absent: the current one.' }),
  },
  'a parameter',
).transform(({ chain_id, to }) => ({ chainId: chain_id, to }));
export type VersionDiffQuery = z.output<typeof versionDiffQuerySchema>;
