import { z } from 'zod';

/** A body may be left out. Express gives `undefined` or `{}` for no body, Fastify `null`. */
export function withoutBody<Schema extends z.ZodType>(schema: Schema) {
  return z.preprocess((body: unknown) => body ?? {}, schema);
}
