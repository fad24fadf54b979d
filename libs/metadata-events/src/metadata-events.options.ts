import { ModuleOptions } from '@app/module-options';
import { z } from 'zod';

const metadataEventsOptionsSchema = z
  .strictObject({
    /** Events are kept this long, in days, delivered or not. Who is away for longer misses some. */
    eventRetentionDays: z.int().min(1).default(7),
    /** What was posted to webhooks is kept this long, in days. */
    deliveryRetentionDays: z.int().min(1).default(14),
    /** How long one process has a consumer or a webhook for itself, in seconds; renewed while it works. A crash costs this much delay. */
    leaseSeconds: z.int().min(5).default(30),
    /** Consumers and webhooks that this process works for at once: so many slow ones delay nobody else. */
    deliveryConcurrency: z.int().min(1).max(1000).default(64),
    /** Events that a consumer is given at once, at most. */
    consumerBatchSize: z.int().min(1).max(5000).default(500),
    /** Pause after a consumer has thrown, in seconds; each further one doubles it, up to the cap. */
    consumerRetryBaseSeconds: z.number().positive().default(1),
    consumerRetryMaxDelaySeconds: z.number().positive().default(300),
    /** Events that one message to a webhook holds, at most. */
    webhookBatchSize: z.int().min(1).max(1000).default(100),
    /** The same in bytes of the body; an event that is larger by itself is sent alone. */
    webhookBodyBytes: z
      .int()
      .min(1024)
      .max(1024 * 1024)
      .default(128 * 1024),
    /** For one whole exchange with a webhook, in milliseconds. */
    webhookDeadlineMs: z.int().min(1).max(60_000).default(15_000),
    /** Pause after the first failed message, in seconds; each further one doubles it, up to the cap of an hour. */
    webhookRetryBaseSeconds: z.number().positive().default(5),
    webhookRetryMaxDelaySeconds: z.number().positive().default(3600),
    /** A webhook that has failed for so long, in days, is disabled. Less than events are kept: then nothing is lost. */
    disableWebhooksAfterDays: z.number().positive().default(5),
  })
  .refine(({ disableWebhooksAfterDays, eventRetentionDays }) => disableWebhooksAfterDays < eventRetentionDays, {
    error: 'must be less than eventRetentionDays',
    path: ['disableWebhooksAfterDays'],
  });

/** What a host writes. */
export type MetadataEventsOptions = z.input<typeof metadataEventsOptionsSchema>;
/** What we inject: every field present. */
export type MetadataEventsConfig = z.output<typeof metadataEventsOptionsSchema>;
export const METADATA_EVENTS_CONFIG = Symbol('MetadataEventsConfig');

export const metadataEventsOptions = new ModuleOptions('MetadataEventsModule', metadataEventsOptionsSchema);
