import { ModuleOptions } from '@app/module-options';
import { z } from 'zod';

const metadataRefreshOptionsSchema = z.strictObject({
  /** Default limit of tokens in one request of a project. The public guide's 1,000. 0 blocks every request. */
  tokensPerRequest: z.int().min(0).max(1_000_000_000).default(1000),
  /** Default limit of tokens per hour of a project. The public guide's 30,000. 0 blocks every request. */
  tokensPerHour: z.int().min(0).max(1_000_000_000).default(30_000),
  /** Attempts per item, including the first. The guide promises two retries. */
  maxAttempts: z.int().min(1).max(20).default(3),
  /**
   * Attempts per item, including the first, while an RPC node does not respond or a worker is busy: neither is the fault of
   * the token or its host. With the default delays, 10 attempts take about four minutes.
   */
  maxRpcAttempts: z.int().min(1).max(100).default(10),
  /** Claims of one item that may be lost, because a worker died, before the item fails. */
  maxLostClaims: z.int().min(1).default(10),
  /** Duration of a claim, in seconds. Has to exceed the slowest fetch; after a crash, items are due again when it ends. */
  leaseSeconds: z.int().min(5).default(30),
  /** Delay before the first retry, in seconds; doubled by each further retry. */
  retryBaseSeconds: z.number().positive().default(1),
  /** Maximum retry delay in seconds, also for a longer Retry-After of a host. */
  retryMaxDelaySeconds: z.number().positive().default(60),
  /** Concurrent fetches in this process. Waiting costs little, so this is far above the limit of one host. */
  fetchConcurrency: z.int().min(1).default(256),
  /** Default limit of concurrent requests to one metadata host, by all processes together. */
  hostConcurrency: z.int().min(1).max(1000).default(8),
  /** Maximum items of one claim, not counting further items of the same tokens. */
  claimBatchSize: z.int().min(1).max(1000).default(512),
  /** Maximum results that one batch writes. */
  completeBatchSize: z.int().min(1).max(1000).default(500),
  /** Retention of completed refreshes with their items and errors, in days. */
  refreshRetentionDays: z.int().min(1).default(30),
  /** Retention of attempts, in days. */
  attemptRetentionDays: z.int().min(1).default(7),
  /** How long a result waits for its batch to fill, in milliseconds. It does not wait while no other work is in progress. */
  completeLingerMs: z.int().min(1).default(250),
});

/** What a host writes. */
export type MetadataRefreshOptions = z.input<typeof metadataRefreshOptionsSchema>;
/** What we inject: every field present. */
export type MetadataRefreshConfig = z.output<typeof metadataRefreshOptionsSchema>;
export const METADATA_REFRESH_CONFIG = Symbol('MetadataRefreshConfig');

export const metadataRefreshOptions = new ModuleOptions('MetadataRefreshModule', metadataRefreshOptionsSchema);
