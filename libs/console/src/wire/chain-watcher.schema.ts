import { z } from 'zod';
import { collectionNameSchema, countSchema, timedSchema, timeSchema } from './values.schema.js';

/** `GET chain`: operators only. */
export const chainListSchema = timedSchema.extend({
  rows: z.array(
    z.object({
      chainId: countSchema,
      state: z.enum(['off', 'idle', 'waiting', 'reading', 'failing']),
      headBlock: countSchema.nullable(),
      readBlock: countSchema.nullable(),
      /** Blocks; null: nothing was read yet. */
      behind: countSchema.nullable(),
      readAt: timeSchema.nullable(),
      blocksPerCall: countSchema.nullable(),
      failingSince: timeSchema.nullable(),
      lastError: z.string().nullable(),
      /** Named by events, and waiting for their refresh; 10,000 at most. */
      waitingTokens: countSchema,
      waitingRanges: countSchema,
      /** Watched collections, and the first 100 of them. */
      collections: countSchema,
      contracts: z.array(collectionNameSchema),
    }),
  ),
});
export type ChainList = z.output<typeof chainListSchema>;
