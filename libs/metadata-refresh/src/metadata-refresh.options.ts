import { ModuleOptions } from '@app/module-options';
import { z } from 'zod';

const metadataRefreshOptionsSchema = z.strictObject({
  /** Tokens a project may name in a request, unless it has a limit of its own. The public guide's 1,000. 0: none may. */
  tokensPerRequest: z.int().min(0).max(1_000_000_000).default(1000),
  /** Tokens a project may ask for in an hour, unless it has a limit of its own. The public guide's 30,000. 0: none may. */
  tokensPerHour: z.int().min(0).max(1_000_000_000).default(30_000),
  /** Tries per item, the first included. The guide promises two retries. */
  maxAttempts: z.int().min(1).max(20).default(3),
  /**
   * Tries per item, the first included, while it is the node of a chain that does not answer, or a worker that has no
   * room: that is no fault of the token or its host. With the usual pauses, 10 are some four minutes.
   */
  maxRpcAttempts: z.int().min(1).max(100).default(10),
  /** How often a worker may die over one item before the item counts as failed. */
  maxLostClaims: z.int().min(1).default(10),
  /** How long a claim holds, in seconds. Longer than the slowest fetch; a crash costs this much delay. */
  leaseSeconds: z.int().min(5).default(30),
  /** Pause before the first retry, in seconds; each further one doubles it. */
  retryBaseSeconds: z.number().positive().default(1),
  /** No pause is longer than this, in seconds, whatever a host's Retry-After says. */
  retryMaxDelaySeconds: z.number().positive().default(60),
  /** Fetches at once in this process. Waiting is nearly free, so this is well above what one host takes. */
  fetchConcurrency: z.int().min(1).default(256),
  /** Requests to one metadata host at once, by all processes together, unless one of its collections says otherwise. */
  hostConcurrency: z.int().min(1).max(1000).default(8),
  /** Items a single claim takes at most, besides those that want the same tokens. */
  claimBatchSize: z.int().min(1).max(1000).default(512),
  /** Results a single completion writes at most. */
  completeBatchSize: z.int().min(1).max(1000).default(500),
  /** Completed refreshes are kept this long, in days, with their items and errors. */
  refreshRetentionDays: z.int().min(1).default(30),
  /** What was tried for a token is kept this long, in days. */
  attemptRetentionDays: z.int().min(1).default(7),
  /** How long a result waits for company before it is written, in milliseconds. Not at all when nothing else is under way. */
  completeLingerMs: z.int().min(1).default(250),
});

/** What a host writes. */
export type MetadataRefreshOptions = z.input<typeof metadataRefreshOptionsSchema>;
/** What we inject: every field present. */
export type MetadataRefreshConfig = z.output<typeof metadataRefreshOptionsSchema>;
export const METADATA_REFRESH_CONFIG = Symbol('MetadataRefreshConfig');

export const metadataRefreshOptions = new ModuleOptions('MetadataRefreshModule', metadataRefreshOptionsSchema);
