import { z } from 'zod';

export const metadataIdRule = 'must be a UUID, such as 018cf196-26da-1028-707e-3bb23550992b';

/** Of any version: those of the public service are of none. Returns it in lower case. */
export const metadataIdSchema = z.guid({ error: metadataIdRule }).toLowerCase();

export function isMetadataId(text: string): boolean {
  return metadataIdSchema.safeParse(text).success;
}
