import { isTokenId } from '@app/token-store';
import { z } from 'zod';

/** base64url of JSON: where the last row of a page is. Opaque to pages. */
export function formatCursor(position: object): string {
  return Buffer.from(JSON.stringify(position)).toString('base64url');
}

/** A time as positions have it. */
export function toMicroseconds(time: Date): string {
  return time.toISOString().replace('Z', '000Z');
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

/** PostgreSQL has no year 0. */
const hasYear = (text: string) => !text.startsWith('0000');
const createdAt = z.iso.datetime({ precision: 6 }).refine(hasYear);

const rowId = z.string().regex(/^[1-9][0-9]{0,17}$/);

/** A row of a list that is ordered by time, with an id of its kind. */
export const uuidPositionSchema = z.strictObject({ createdAt, id: z.guid().toLowerCase() });
export const rowPositionSchema = z.strictObject({ createdAt, id: rowId });
export const projectPositionSchema = z.strictObject({
  createdAt: z.iso.datetime({ precision: 3 }).refine(hasYear),
  id: z.string().max(200),
});
export const deliveryPositionSchema = z.strictObject({ id: rowId });
export const tokenPositionSchema = z.strictObject({ tokenId: z.string().refine(isTokenId) });
export const versionPositionSchema = z.strictObject({ version: z.int32().min(1) });

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
