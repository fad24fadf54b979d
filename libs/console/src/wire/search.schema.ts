import { z } from 'zod';
import { timedSchema } from './values.schema.js';

/** `GET search?q=`: by the form of the text. One hit: go there. */
export const searchSchema = timedSchema.extend({
  hits: z.array(
    z.object({
      kind: z.enum(['refresh', 'token', 'collection', 'host', 'project', 'webhook']),
      label: z.string(),
      /** A second line; can be a stranger's text. */
      detail: z.string(),
      /** Below the mount path, with query. */
      link: z.string(),
    }),
  ),
});
export type Search = z.output<typeof searchSchema>;
