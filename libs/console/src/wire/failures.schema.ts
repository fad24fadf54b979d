import { z } from 'zod';
import {
  adviceSchema,
  collectionNameSchema,
  countSchema,
  errorCodeSchema,
  nextSchema,
  projectNameSchema,
  timedSchema,
  timeSchema,
  tokenIdSchema,
} from './values.schema.js';

export const FAILURE_WINDOWS = ['1h', '24h', '7d'] as const;

const placeSchema = z.object({ label: z.string(), tokens: countSchema });

/** `GET failures?since=1h|24h|7d&group=reason|host|project|collection&reason=&host=`: groups, the largest first. */
export const failuresSchema = timedSchema.extend({
  since: z.enum(FAILURE_WINDOWS),
  group: z.enum(['reason', 'host', 'project', 'collection']),
  /** The window begins here. Later than `since` says, if there were failures of more than 100,000 tokens or 5,000 refreshes. */
  from: timeSchema,
  isComplete: z.boolean(),
  tokens: countSchema,
  groups: z.array(
    z.object({
      /** The reason, host, project id or collection id. */
      key: z.string(),
      /** What to call it. */
      label: z.string(),
      /** Of a group by reason. */
      advice: adviceSchema.nullable(),
      tokens: countSchema,
      firstAt: timeSchema,
      lastAt: timeSchema,
      /** Tokens in twelve equal parts of the window, oldest first. */
      trend: z.array(countSchema).length(12),
      /** The hosts or, in a group by host, the reasons with the most tokens, at most three. */
      where: z.array(placeSchema),
      /** The refreshes with the most of these tokens, at most ten: each can be retried. */
      refreshes: z.array(
        z.object({
          id: z.string(),
          project: projectNameSchema.nullable(),
          collection: collectionNameSchema,
          tokens: countSchema,
        }),
      ),
    }),
  ),
});
export type Failures = z.output<typeof failuresSchema>;

/** `GET failures/tokens?since=&reason=&host=&project=&collection=&cursor=`: newest first. */
export const failedTokensSchema = timedSchema.extend({
  rows: z.array(
    adviceSchema.extend({
      refreshId: z.string(),
      project: projectNameSchema.nullable(),
      collection: collectionNameSchema,
      tokenId: tokenIdSchema,
      errorCode: errorCodeSchema,
      reason: z.string(),
      statusCode: z.int().nullable(),
      metadataUrl: z.string(),
      body: z.string().nullable(),
      at: timeSchema,
    }),
  ),
  next: nextSchema,
});
export type FailedTokens = z.output<typeof failedTokensSchema>;
