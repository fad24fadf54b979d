import { z } from 'zod';
import { collectionNameSchema, countSchema, timedSchema, timeSchema } from './values.schema.js';

const backfillSchema = z.object({
  fromBlock: countSchema,
  /** The first block that was not read. */
  nextBlock: countSchema,
  /** The last block to read; null: it has not begun. */
  untilBlock: countSchema.nullable(),
  /** Tokens that were registered. */
  tokens: countSchema,
  /** null: it is running. */
  finishedAt: timeSchema.nullable(),
  lastError: z.string().nullable(),
});

/** `GET chain`: operators only, where events of chains are watched. */
export const chainListSchema = timedSchema.extend({
  /** How long after an event its tokens are fetched. */
  settleSeconds: z.number().min(0),
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
      /** Watched collections, those among them whose past mints are being registered, and the first 100 of them. */
      collections: countSchema,
      backfills: countSchema,
      contracts: z.array(
        collectionNameSchema.extend({
          /** `mints`: tokens that its contract mints are registered. */
          discover: z.enum(['none', 'mints']),
          /** null: its tokens are not refreshed by age. */
          refreshEverySeconds: countSchema.nullable(),
          /** The progress of its past mints; null: no backfill was requested. */
          backfill: backfillSchema.nullable(),
        }),
      ),
    }),
  ),
});
export type ChainList = z.output<typeof chainListSchema>;
