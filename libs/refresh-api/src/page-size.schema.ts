import { z } from 'zod';

/** Real clients send `cursor=` and `page_cursor=` when they have no value. */
export const emptyIsAbsent = (value: unknown) => (value === '' ? undefined : value);

const PAGE_SIZE = { type: 'integer', minimum: 1, maximum: 200, default: 100 } as const;
const pageSizeRule = `must be a whole number from ${PAGE_SIZE.minimum} to ${PAGE_SIZE.maximum}`;
export const pageSizeSchema = z
  .preprocess(
    emptyIsAbsent,
    z
      .string({ error: pageSizeRule })
      .regex(/^[1-9][0-9]{0,2}$/, { error: pageSizeRule })
      .transform(Number)
      .refine((size) => size >= PAGE_SIZE.minimum && size <= PAGE_SIZE.maximum, { error: pageSizeRule })
      .default(PAGE_SIZE.default),
  )
  .meta({ ...PAGE_SIZE, description: 'Rows in a page.' });
