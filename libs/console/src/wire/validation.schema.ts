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
  collectionId: z
    .string()
    .regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/, { error: 'must be the id of a collection' }),
  tokenIds: z.array(tokenIdSchema).min(1).max(20),
});
export type ValidationRequest = z.output<typeof validationRequestSchema>;

/**
 * `updated`: would change · `unchanged` · `superseded` and `held`: the document is good, and no fetch replaces the record now · `failed`:
 * would fail · `not_tried` and `not_finished`: no result this time.
 */
export const VALIDATION_VERDICTS = [
  'updated',
  'unchanged',
  'superseded',
  'held',
  'failed',
  'not_tried',
  'not_finished',
] as const;

export const validationSchema = timedSchema.extend({
  collection: collectionNameSchema,
  verdicts: z.object({
    updated: countSchema,
    unchanged: countSchema,
    superseded: countSchema,
    held: countSchema,
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
      /** The document as served, as text. Cut after 64 KiB. */
      document: z.string().nullable(),
      /** What is null because it is too large to be shown. */
      omitted: z.enum(['document', 'record']).nullable(),
    }),
  ),
  /** Operators: null, because nothing was charged. */
  quota: quotaSchema.nullable(),
});
export type Validation = z.output<typeof validationSchema>;
