import { z } from 'zod';
import {
  changeSchema,
  countSchema,
  errorCodeSchema,
  nextSchema,
  timedSchema,
  timeSchema,
  tokenIdSchema,
} from './values.schema.js';

/** How a token of a refresh ended; `pending`: it has not. */
export const TOKEN_STATES = [
  'updated',
  'unchanged',
  'superseded',
  'held',
  'staged',
  'failed',
  'cancelled',
  'pending',
] as const;

export const refreshTokenSchema = z.object({
  tokenId: tokenIdSchema,
  /** Of its record. A stranger's text. */
  name: z.string().nullable(),
  /** Of its record: the glyph is drawn from it. null: it has no document. */
  contentHash: z.string().nullable(),
  verdict: z.enum(TOKEN_STATES),
  /** Tries so far. */
  attempts: countSchema,
  finishedAt: timeSchema.nullable(),
  metadataVersion: countSchema.nullable(),
  /** With `updated`; null: not known. */
  change: changeSchema.nullable(),
  /** null, also in the next three, unless it failed. */
  errorCode: errorCodeSchema.nullable(),
  reason: z.string().nullable(),
  statusCode: z.int().nullable(),
  /** Empty: nothing was requested. */
  metadataUrl: z.string().nullable(),
  /** The sentence of its reason. */
  title: z.string().nullable(),
  /** While it waits for another try. */
  nextAttemptAt: timeSchema.nullable(),
  /** The last response to a request of this refresh; null: there was none, or its retention has ended. */
  response: z
    .object({
      outcome: z.string(),
      statusCode: z.int().nullable(),
      reason: z.string().nullable(),
      durationMs: countSchema,
      at: timeSchema,
    })
    .nullable(),
});
export type RefreshToken = z.output<typeof refreshTokenSchema>;

/** `GET refreshes/:id/tokens?verdict=&reason=&token=&order=latest|token_id&cursor=` */
export const refreshTokensSchema = timedSchema.extend({
  rows: z.array(refreshTokenSchema),
  next: nextSchema,
  /** `latest`: by their newest request, only while the refresh runs and without filters; a single page. */
  order: z.enum(['latest', 'token_id']),
  /** A page that found fewer rows than it may have has searched up to this token; null: it is full, or the last one. */
  searchedTo: tokenIdSchema.nullable(),
});
export type RefreshTokens = z.output<typeof refreshTokensSchema>;
