import { z } from 'zod';
import {
  adviceSchema,
  changeSchema,
  collectionNameSchema,
  cooldownSchema,
  countSchema,
  quotaSchema,
  timedSchema,
  tokenIdSchema,
} from './values.schema.js';

/** `POST validate` */
export const validationRequestSchema = z.strictObject({
  /** The id of a collection: see `GET collections`. */
  collectionId: z.string().max(100),
  tokenIds: z.array(tokenIdSchema).min(1).max(20),
});
export type ValidationRequest = z.output<typeof validationRequestSchema>;

/** `updated`: would change · `unchanged` · `failed`: would fail · `not_tried` and `not_finished`: no result this time. */
export const VALIDATION_VERDICTS = ['updated', 'unchanged', 'failed', 'not_tried', 'not_finished'] as const;

export const validationSchema = timedSchema.extend({
  collection: collectionNameSchema,
  verdicts: z.object({
    updated: countSchema,
    unchanged: countSchema,
    failed: countSchema,
    not_tried: countSchema,
    not_finished: countSchema,
  }),
  /** Tokens that would be good but have a warning, by its code: "2 have no image". */
  warnings: z.array(z.object({ code: z.string(), message: z.string(), tokens: countSchema })),
  cooldown: cooldownSchema.nullable(),
  tokens: z.array(
    changeSchema.extend({
      tokenId: tokenIdSchema,
      verdict: z.enum(VALIDATION_VERDICTS),
      requests: z.array(
        z.object({
          url: z.string(),
          redirects: z.array(z.string()),
          outcome: z.string(),
          statusCode: z.int().nullable(),
          reason: z.string().nullable(),
          durationMs: countSchema,
          bytes: countSchema,
        }),
      ),
      /** Of a failed token. */
      error: adviceSchema
        .extend({
          errorCode: z.string(),
          reason: z.string(),
          isRetriedByRefresh: z.boolean(),
          body: z.string().nullable(),
        })
        .nullable(),
      /** Of a token without a result. */
      noResult: z.object({ reason: z.string(), advice: z.string() }).nullable(),
      warnings: z.array(z.object({ code: z.string(), message: z.string() })),
      /** What it would show. */
      name: z.string().nullable(),
      imageUrl: z.string().nullable(),
      /** The document as served, as text. */
      document: z.string().nullable(),
    }),
  ),
  /** Operators: null, because nothing was charged. */
  hour: quotaSchema.nullable(),
});
export type Validation = z.output<typeof validationSchema>;

/** `GET collections?cursor=`: those that the person may see, oldest first. */
export const collectionListSchema = timedSchema.extend({
  rows: z.array(collectionNameSchema.extend({ project: z.object({ id: z.string(), name: z.string() }).nullable() })),
  next: z.string().nullable(),
});
export type CollectionList = z.output<typeof collectionListSchema>;
