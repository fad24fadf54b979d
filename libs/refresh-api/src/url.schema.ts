import { z } from 'zod';

/** A URL as text, for a check that knows more of it. PostgreSQL stores no U+0000, which a URL parser encodes. */
export const urlSchema = z
  .string({ error: 'must be a URL' })
  .refine((text) => !text.includes('\0'), { error: 'must be a URL without U+0000' });
