import { ModuleOptions } from '@app/module-options';
import { z } from 'zod';

const metadataRefreshOptionsSchema = z
  .strictObject({
    /**
     * The maximum number of tokens in one request for a project without a limit of its own. The public guide promises 1,000. 0 blocks every
     * request.
     * @takesEffect each request
     */
    tokensPerRequest: z.int().min(0).max(1_000_000_000).default(1000),
    /**
     * The maximum number of tokens per hour for a project without a limit of its own. The public guide promises 30,000. 0 blocks every
     * request.
     * @takesEffect each request
     */
    tokensPerHour: z.int().min(0).max(1_000_000_000).default(30_000),
    /**
     * The maximum number of tokens of one selection (ranges, or all tokens of a collection) for a project without a limit of its own.
     * 0 blocks every selection. Default: the project's tokens per hour.
     * @takesEffect each request
     */
    tokensPerSelection: z.int().min(0).max(1_000_000_000).optional(),
    /**
     * The maximum number of tokens of one selection, including those of operators. Accepting a million tokens takes about a second.
     * @takesEffect each request
     */
    maxSelectionTokens: z.int().min(1).max(100_000_000).default(5_000_000),
    /**
     * The maximum number of tokens of one reveal, which are published in one transaction.
     * @takesEffect each request
     */
    maxRevealTokens: z.int().min(1).max(1_000_000).default(100_000),
    /**
     * Who may request refreshes of a collection. `registered`: the project with which it is registered. `on_chain`: also a project whose
     * owner address is the `owner()` of the contract or has its default admin role (AccessControl). This needs a node of the chain in
     * `rpcUrls`, which is called at most once a minute for each wallet. The refresh counts towards the limits of the project that requests
     * it.
     * @takesEffect each request
     */
    ownership: z.enum(['registered', 'on_chain']).default('registered'),
    /**
     * The maximum number of attempts for a token of a refresh, including the first. The public guide promises two retries.
     * @takesEffect each attempt
     */
    maxAttempts: z.int().min(1).max(20).default(3),
    /**
     * The maximum number of attempts for a token of a refresh if neither the token nor its host causes the failure, for example because the
     * node of a chain does not respond or the worker has no free buffer. With the default delays, 10 attempts take about four minutes.
     * @takesEffect each attempt
     */
    maxRpcAttempts: z.int().min(1).max(100).default(10),
    /**
     * How many times in a row a worker may die while it holds a token. After that the token fails.
     * @takesEffect each claim
     */
    maxLostClaims: z.int().min(1).default(10),
    /**
     * How long a claim lasts, in seconds. It must be longer than the slowest fetch. After a crash, tokens wait this long for
     * another worker.
     * @takesEffect each claim
     */
    leaseSeconds: z.int().min(5).max(3600).default(30),
    /**
     * The delay before the first retry, in seconds. Each further retry doubles it.
     * @takesEffect each failed attempt
     */
    retryBaseSeconds: z.number().positive().default(1),
    /**
     * The longest delay before a retry, in seconds, whatever a `Retry-After` header says.
     * @takesEffect each failed attempt
     */
    retryMaxDelaySeconds: z.number().positive().max(86_400).default(60),
    /**
     * The maximum number of concurrent fetches of one process. A waiting fetch costs little, so the default is well above what one host
     * takes.
     * @takesEffect start
     */
    fetchConcurrency: z.int().min(1).default(256),
    /**
     * The maximum number of concurrent requests to one metadata host, by all processes together. A collection may have a value of its own.
     * @takesEffect start
     */
    hostConcurrency: z.int().min(1).max(1000).default(8),
    /**
     * The maximum number of tokens of one claim.
     * @takesEffect each claim
     */
    claimBatchSize: z.int().min(1).max(1000).default(512),
    /**
     * The maximum number of results that one completion writes.
     * @takesEffect each write of results
     */
    completeBatchSize: z.int().min(1).max(1000).default(500),
    /**
     * How long completed refreshes are kept, in days, with their results and errors.
     * @takesEffect each run of the retention, once an hour
     */
    refreshRetentionDays: z.int().min(1).max(36_500).default(30),
    /**
     * How long attempts are kept, in days.
     * @takesEffect each run of the retention, once an hour
     */
    attemptRetentionDays: z.int().min(1).max(36_500).default(7),
    /**
     * How many versions of each token are kept with their documents, the current one included. They can be read, compared and restored. With
     * 0 or 1, only the current one is kept. What an older version changed is kept as long as a receipt may show it.
     * @takesEffect each change, and each run of the retention, once an hour
     */
    keepVersions: z.int().min(0).max(1000).default(10),
    /**
     * How long a result waits for others so that they are written together, in milliseconds. A result does not wait while
     * nothing else is in flight.
     * @takesEffect each write of results
     */
    completeLingerMs: z.int().min(1).default(250),
  })
  .refine(({ retryBaseSeconds, retryMaxDelaySeconds }) => retryBaseSeconds <= retryMaxDelaySeconds, {
    error: 'must be at most retryMaxDelaySeconds',
    path: ['retryBaseSeconds'],
  });

/** What a host writes. */
export type MetadataRefreshOptions = z.input<typeof metadataRefreshOptionsSchema>;
/** What we inject: every field present. */
export type MetadataRefreshConfig = z.output<typeof metadataRefreshOptionsSchema>;
export const METADATA_REFRESH_CONFIG = Symbol('MetadataRefreshConfig');

/** Whether replaced documents are kept. */
export function keepsDocuments({ keepVersions }: Pick<MetadataRefreshConfig, 'keepVersions'>): boolean {
  return keepVersions > 1;
}

/** Names, limits and defaults of the options. */
export const metadataRefreshOptions = new ModuleOptions('MetadataRefreshModule', metadataRefreshOptionsSchema);
