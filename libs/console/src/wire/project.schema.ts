import { z } from 'zod';
import { refreshSchema } from './refresh.schema.js';
import {
  collectionNameSchema,
  countSchema,
  nextSchema,
  quotaSchema,
  timedSchema,
  timeSchema,
} from './values.schema.js';

const projectFields = {
  id: z.string(),
  name: z.string(),
  ownerAddress: z.string(),
  createdAt: timeSchema,
  quota: quotaSchema,
  keys: countSchema,
  collections: countSchema,
  lastRefreshAt: timeSchema.nullable(),
};

/** `GET projects?cursor=`: oldest first. Partners see their own. */
export const projectListSchema = timedSchema.extend({ rows: z.array(z.object(projectFields)), next: nextSchema });
export type ProjectList = z.output<typeof projectListSchema>;

export const apiKeySchema = z.object({
  /** The part that may be shown. */
  prefix: z.string(),
  createdAt: timeSchema,
  /** Exact to the minute. */
  lastUsedAt: timeSchema.nullable(),
  revokedAt: timeSchema.nullable(),
});

/** null: the default of the deployment; 0 blocks every request. */
const limit = z.int().min(0).max(1_000_000_000).nullable();
const ownLimits = {
  requestsPerSecond: limit,
  tokensPerRequest: limit,
  tokensPerSelection: limit,
  tokensPerHour: limit,
};

const effectiveLimitsSchema = z.object({
  requestsPerSecond: countSchema,
  tokensPerRequest: countSchema,
  tokensPerSelection: countSchema,
  tokensPerHour: countSchema,
});

/** `GET projects/:id` */
export const projectSchema = timedSchema.extend({
  project: z.object({
    ...projectFields,
    limits: z.object({ own: z.object(ownLimits), effective: effectiveLimitsSchema }),
    apiKeys: z.array(apiKeySchema),
    /** The first 100. */
    collectionList: z.array(
      collectionNameSchema.extend({
        tokens: countSchema,
        source: z.enum(['metadata_api', 'chain', 'pushed']),
        metadataUrl: z.string().nullable(),
        /** Whether a fetch may replace metadata that was pushed. */
        pushPolicy: z.enum(['push_wins', 'last_wins']),
      }),
    ),
    /** The newest five. */
    refreshes: z.array(refreshSchema),
    actions: z.object({ setLimits: z.boolean(), revokeKeys: z.boolean() }),
  }),
});
export type Project = z.output<typeof projectSchema>;

/** `PUT projects/:id/limits`: absent limits stay as they are. */
export const projectLimitsSchema = z.strictObject(ownLimits).partial();
export type ProjectLimits = z.output<typeof projectLimitsSchema>;

/** `GET limits`: of a partner's own project. */
export const limitsSchema = timedSchema.extend({
  limits: effectiveLimitsSchema,
  quota: quotaSchema,
  apiKeys: z.array(apiKeySchema),
});
export type Limits = z.output<typeof limitsSchema>;
