import { z } from 'zod';
import { collectionNameSchema, nextSchema, projectNameSchema, timedSchema, tokenIdSchema } from './values.schema.js';

/** `GET collections?cursor=`: those that the person may see, oldest first. */
export const collectionListSchema = timedSchema.extend({
  rows: z.array(
    collectionNameSchema.extend({
      project: projectNameSchema.nullable(),
      /** false: its owner pushes the metadata, or this deployment cannot read its chain. */
      canFetch: z.boolean(),
    }),
  ),
  next: nextSchema,
});
export type CollectionList = z.output<typeof collectionListSchema>;

/** `POST collections/:id/refresh` */
export const collectionRefreshSchema = z.strictObject({ tokenIds: z.array(tokenIdSchema).min(1).max(1000) });
