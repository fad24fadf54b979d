import { isStorableTime } from '@app/database';
import { z } from 'zod';

export const timeRule = 'must be a time in RFC 3339, in the years 1 to 9999, such as 2026-12-01T12:00:00Z';

/** A time of a request. */
export const timeSchema = z.iso
  .datetime({ offset: true, error: timeRule })
  .transform((text) => new Date(text))
  // "abort": as part of a union, it has the message of the union.
  .refine(isStorableTime, { error: timeRule, abort: true });

/** A time of a response. */
export const timestampSchema = z.string().meta({
  format: 'date-time',
  pattern: String.raw`\.\d{6}Z$`,
  description: 'RFC 3339 in UTC, with microseconds.',
  examples: ['2026-11-21T09:30:00.000000Z'],
});
