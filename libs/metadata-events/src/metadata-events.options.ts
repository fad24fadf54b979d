import { ModuleOptions } from '@app/module-options';
import { z } from 'zod';

const metadataEventsOptionsSchema = z
  .strictObject({
    /** Retention of events in days, delivered or not. A reader that is away for longer misses some. */
    eventRetentionDays: z.int().min(1).default(7),
    /** Retention of webhook deliveries in days. */
    deliveryRetentionDays: z.int().min(1).default(14),
    /** Lease of a consumer or webhook in seconds, renewed during delivery. After a crash, delivery resumes when it ends. */
    leaseSeconds: z.int().min(5).default(30),
    /** Maximum number of consumers and webhooks that this process serves concurrently: fewer slow ones delay no other. */
    deliveryConcurrency: z.int().min(1).max(1000).default(64),
    /** Maximum number of events in one call of a consumer. */
    consumerBatchSize: z.int().min(1).max(5000).default(500),
    /** Retry delay in seconds after a consumer has thrown; doubled by each further failure up to the maximum. */
    consumerRetryBaseSeconds: z.number().positive().default(1),
    consumerRetryMaxDelaySeconds: z.number().positive().default(300),
    /** Maximum number of events in one webhook message. */
    webhookBatchSize: z.int().min(1).max(1000).default(100),
    /** Maximum size of a webhook body in bytes; a larger single event is sent alone. */
    webhookBodyBytes: z
      .int()
      .min(1024)
      .max(1024 * 1024)
      .default(128 * 1024),
    /** Deadline of one webhook request including its response, in milliseconds. */
    webhookDeadlineMs: z.int().min(1).max(60_000).default(15_000),
    /** Retry delay in seconds after a failed message; doubled by each further failure up to the maximum. */
    webhookRetryBaseSeconds: z.number().positive().default(5),
    webhookRetryMaxDelaySeconds: z.number().positive().default(3600),
    /** A webhook that fails for this many days is disabled. Less than eventRetentionDays, so that no event is lost. */
    disableWebhooksAfterDays: z.number().positive().default(5),
  })
  .refine(({ disableWebhooksAfterDays, eventRetentionDays }) => disableWebhooksAfterDays < eventRetentionDays, {
    error: 'must be less than eventRetentionDays',
    path: ['disableWebhooksAfterDays'],
  });

/** What a host writes. */
export type MetadataEventsOptions = z.input<typeof metadataEventsOptionsSchema>;
/** What we inject, with defaults filled in. */
export type MetadataEventsConfig = z.output<typeof metadataEventsOptionsSchema>;
export const METADATA_EVENTS_CONFIG = Symbol('MetadataEventsConfig');

export const metadataEventsOptions = new ModuleOptions('MetadataEventsModule', metadataEventsOptionsSchema);
