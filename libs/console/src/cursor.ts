import { z } from 'zod';

/** base64url of JSON: where the last row of a page is. Opaque to pages. */
export function formatCursor(position: object): string {
  return Buffer.from(JSON.stringify(position)).toString('base64url');
}

/** Of a query parameter: absent for the first page. */
export function cursorSchema<Position extends z.ZodType>(position: Position) {
  return z
    .string()
    .optional()
    .transform((text, context): z.output<Position> | undefined => {
      if (text === undefined || text === '') return undefined;
      const parsed = position.safeParse(parseJson(Buffer.from(text, 'base64url').toString()));
      if (parsed.success) return parsed.data;
      context.addIssue({ code: 'custom', message: 'cursor must be that of an earlier page, unchanged' });
      return z.NEVER;
    });
}

/** A row of a list that is ordered by time. */
export const timePositionSchema = z.strictObject({
  createdAt: z.iso.datetime({ precision: 6 }),
  id: z.string().regex(/^([1-9][0-9]{0,17}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$/),
});
export const tokenPositionSchema = z.strictObject({ tokenId: z.string().regex(/^[0-9]{1,78}$/) });

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
