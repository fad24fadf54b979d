import { z } from 'zod';
import {
  collectionNameSchema,
  countSchema,
  nextSchema,
  projectNameSchema,
  quotaSchema,
  timedSchema,
  tokenIdSchema,
} from './values.schema.js';

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

/** The states by which registered tokens can be selected: never fetched, failed with older metadata, failed without any. */
export const SELECTED_STATUSES = ['pending', 'stale', 'failed'] as const;

/** `POST collections/:id/estimate` and `POST collections/:id/refresh`: a list of tokens, or a selection of those that are registered. */
export const wantedTokensSchema = z.union([
  z.strictObject({ tokenIds: z.array(tokenIdSchema).min(1).max(1000) }),
  /** Both ends included. */
  z.strictObject({
    ranges: z
      .array(z.strictObject({ from: tokenIdSchema, to: tokenIdSchema }))
      .min(1)
      .max(100),
  }),
  z.strictObject({
    all: z.literal(true),
    status: z.array(z.enum(SELECTED_STATUSES)).min(1).optional(),
    /** Only those without a successful fetch in the last seconds. */
    notRefreshedForSeconds: z.int().min(1).max(315_360_000).optional(),
  }),
]);
export type WantedTokens = z.output<typeof wantedTokensSchema>;

/** What such a refresh would take. */
export const estimateSchema = timedSchema.extend({
  tokens: countSchema,
  /** From its beginning to its end, after all tokens that wait for the same host. null: nothing is known of the host's speed. */
  expectedSeconds: countSchema.nullable(),
  /** Operators: null, because nothing would be charged. */
  quota: quotaSchema.nullable(),
  /** The limit that would refuse it now. */
  exceeds: z.enum(['tokensPerRequest', 'tokensPerSelection', 'tokensPerHour']).nullable(),
});
export type Estimate = z.output<typeof estimateSchema>;
