import { z } from 'zod';
import { parseCursor, parseTokenCursor, type CursorPosition } from './cursor.js';

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

export const cursorRule = 'must be the cursor of an earlier page, unchanged';

/** Where a page begins. `parse` returns null for a text that is no such cursor. */
export function pageCursorSchema<Position>(parse: (text: string) => Position | null) {
  return z
    .preprocess(
      emptyIsAbsent,
      z
        .string({ error: cursorRule })
        .transform((text, context): Position => {
          const position = parse(text);
          if (position !== null) return position;
          context.addIssue({ code: 'custom', message: cursorRule });
          return z.NEVER;
        })
        .optional(),
    )
    .meta({ type: 'string', description: 'The `cursor` of the previous page. Empty or absent: the first page.' });
}

/** Of a list in the order of times. */
export const cursorSchema = (id: 'uuid' | 'bigint') =>
  pageCursorSchema((text): CursorPosition | null => parseCursor(text, id));

/** Of a list in the order of token ids. */
export const tokenCursorSchema = pageCursorSchema(parseTokenCursor);
