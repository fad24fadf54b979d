import { z } from 'zod';
import {
  adviceSchema,
  collectionNameSchema,
  cooldownSchema,
  countSchema,
  errorCodeSchema,
  nextSchema,
  projectNameSchema,
  quotaSchema,
  timedSchema,
  timeSchema,
  tokenIdSchema,
} from './values.schema.js';

export const TRIGGERS = [
  'api',
  'partner_api',
  'cli',
  'console',
  'retry',
  'reveal',
  'schedule',
  'event',
  'push',
  'restore',
] as const;

export const verdictCountsSchema = z.object({
  updated: countSchema,
  unchanged: countSchema,
  superseded: countSchema,
  held: countSchema,
  staged: countSchema,
  failed: countSchema,
  cancelled: countSchema,
});

export const chainEventSchema = z.object({
  kind: z.string(),
  chainId: countSchema,
  transactionHash: z.string().nullable(),
  blockNumber: countSchema,
  logIndex: countSchema.nullable(),
});

/** A refresh as lists show it. */
export const refreshSchema = z.object({
  id: z.string(),
  /** null for partners. */
  project: projectNameSchema.nullable(),
  collection: collectionNameSchema,
  /** `scheduled`: it begins later · `queued`: no token has a result · `running` · `paused` · `cancelling` · `completed` · `cancelled` */
  state: z.enum(['scheduled', 'queued', 'running', 'paused', 'cancelling', 'completed', 'cancelled']),
  total: countSchema,
  /** succeeded + failed + cancelled + pending = total. */
  succeeded: countSchema,
  failed: countSchema,
  cancelled: countSchema,
  pending: countSchema,
  verdicts: verdictCountsSchema,
  trigger: z.enum(TRIGGERS),
  event: chainEventSchema.nullable(),
  createdAt: timeSchema,
  completedAt: timeSchema.nullable(),
  notBefore: timeSchema.nullable(),
  begunAt: timeSchema.nullable(),
  pausedAt: timeSchema.nullable(),
  cancelledAt: timeSchema.nullable(),
  /** The refresh whose failed tokens it tries again. */
  retryOf: z.string().nullable(),
  /** The cooldown that delays its pending tokens. */
  cooldown: cooldownSchema.nullable(),
});
export type Refresh = z.output<typeof refreshSchema>;

/** `GET refreshes?project=&collection=&status=running|done|with-failures&trigger=&cursor=` */
export const refreshListSchema = timedSchema.extend({
  rows: z.array(refreshSchema),
  next: nextSchema,
  /** Of a partner without a refresh: a collection of theirs, for the first request. */
  firstCollection: collectionNameSchema.nullable(),
});
export type RefreshList = z.output<typeof refreshListSchema>;

/** The number of a host, as the page of a refresh shows it. */
const refreshHostSchema = z.object({
  host: z.string(),
  cooldown: cooldownSchema.nullable(),
  /** The limit of concurrent requests, and the open ones. null: no worker uses the host now. */
  concurrency: z.object({ limit: countSchema, inForce: countSchema.nullable(), inUse: countSchema.nullable() }),
  /** Of the last hour; null: it answered nothing. */
  medianMs: countSchema.nullable(),
  p95Ms: countSchema.nullable(),
});

/** What happened, newest first. */
const storySchema = z.array(
  z.object({
    at: timeSchema,
    kind: z.enum(['accepted', 'begun', 'first_failure', 'paused', 'cancelled', 'cooldown', 'completed']),
    /** Of `first_failure`. */
    reason: z.string().nullable(),
    tokenId: tokenIdSchema.nullable(),
    /** Of `cooldown`: until when. */
    until: timeSchema.nullable(),
  }),
);

/** `GET refreshes/:id` */
export const refreshDetailsSchema = timedSchema.extend({
  refresh: refreshSchema.extend({
    /** Pending tokens that have failed at least once and are tried again. Part of `pending`. */
    tryingAgain: countSchema,
    /** Tries of a token, the first included. */
    maxAttempts: countSchema,
    /** null: it is completed or stopped, or its speed is not known yet. */
    speed: z.object({ perSecond: z.number(), estimatedCompletion: timeSchema.nullable() }).nullable(),
    /** Why it does not move, or why the pending tokens wait: sentences. */
    waits: z.array(z.string()),
    /** null: all its chunks are gone, and nothing waits for a host. */
    host: refreshHostSchema.nullable(),
    /** The quota of its project. */
    quota: quotaSchema,
    story: storySchema,
    /** What the person may do now. `retry`: how many tokens it would have; null: none failed. */
    actions: z.object({
      retry: countSchema.nullable(),
      cancel: z.boolean(),
      pause: z.boolean(),
      resume: z.boolean(),
    }),
  }),
});
export type RefreshDetails = z.output<typeof refreshDetailsSchema>;

const reasonSchema = adviceSchema.extend({
  errorCode: errorCodeSchema,
  reason: z.string(),
  count: countSchema,
  /** The tokens, as runs of ids, both ends included, at most 100. */
  runs: z.array(z.object({ from: tokenIdSchema, to: tokenIdSchema })),
  /** false: there are more tokens than these runs have. */
  hasAllRuns: z.boolean(),
  /** One of the tokens, as it came. */
  example: z
    .object({
      tokenId: tokenIdSchema,
      metadataUrl: z.string(),
      statusCode: z.int().nullable(),
      /** The beginning of the response body, as a stranger wrote it. */
      body: z.string().nullable(),
      at: timeSchema,
    })
    .nullable(),
});

/** `GET refreshes/:id/reasons`: "What to fix", the most frequent first. Their counts are the failed tokens. */
export const refreshReasonsSchema = timedSchema.extend({ reasons: z.array(reasonSchema) });
export type RefreshReasons = z.output<typeof refreshReasonsSchema>;

/** `POST refreshes/:id/retry` */
export const retryRequestSchema = z.strictObject({
  /** Only tokens that failed for one of these reasons. Absent: all. */
  reasons: z.array(z.string().max(100)).min(1).max(20).optional(),
  /** An operator's choice: whether the tokens count towards the quota of the project. Default: true. */
  charge: z.boolean().optional(),
});
export type RetryRequest = z.output<typeof retryRequestSchema>;

/** A refresh that an action has begun. */
export const newRefreshSchema = timedSchema.extend({ refreshId: z.string() });
export type NewRefresh = z.output<typeof newRefreshSchema>;
