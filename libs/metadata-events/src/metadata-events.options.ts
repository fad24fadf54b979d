import { ModuleOptions } from '@app/module-options';
import { z } from 'zod';

const metadataEventsOptionsSchema = z
  .strictObject({
    /**
     * How long events are kept, in days, whether or not they were delivered. A consumer that is down for longer misses
     * some.
     * @takesEffect each run of the retention, once an hour
     */
    eventRetentionDays: z.int().min(1).max(36_500).default(7),
    /**
     * How long the deliveries to webhooks are kept, in days.
     * @takesEffect each run of the retention, once an hour
     */
    deliveryRetentionDays: z.int().min(1).max(36_500).default(14),
    /**
     * How long one process owns a consumer or a webhook, in seconds. It renews the lease while it works. After a crash,
     * delivery resumes when the lease expires.
     * @takesEffect each delivery
     */
    leaseSeconds: z.int().min(5).max(3600).default(30),
    /**
     * How many consumers and webhooks one process serves at the same time. Slow ones delay the others only if there are
     * this many of them.
     * @takesEffect start
     */
    deliveryConcurrency: z.int().min(1).max(1000).default(64),
    /**
     * The maximum number of events of one call to a consumer.
     * @takesEffect each delivery
     */
    consumerBatchSize: z.int().min(1).max(5000).default(500),
    /**
     * The delay after a consumer throws, in seconds. Each further failure doubles it, up to `consumerRetryMaxDelaySeconds`.
     * @takesEffect each delivery
     */
    consumerRetryBaseSeconds: z.number().positive().default(1),
    /**
     * The longest delay after a consumer throws, in seconds.
     * @takesEffect each delivery
     */
    consumerRetryMaxDelaySeconds: z.number().positive().max(86_400).default(300),
    /**
     * The maximum number of events of one message to a webhook.
     * @takesEffect each delivery
     */
    webhookBatchSize: z.int().min(1).max(1000).default(100),
    /**
     * The largest body of a message to a webhook, in bytes. An event that is larger on its own is sent alone.
     * @takesEffect each delivery
     */
    webhookBodyBytes: z
      .int()
      .min(1024)
      .max(1024 * 1024)
      .default(128 * 1024),
    /**
     * Timeout of one exchange with a webhook, in milliseconds.
     * @takesEffect each delivery
     */
    webhookDeadlineMs: z.int().min(1).max(60_000).default(15_000),
    /**
     * The delay after the first failed message, in seconds. Each further failure doubles it, up to
     * `webhookRetryMaxDelaySeconds`.
     * @takesEffect each delivery
     */
    webhookRetryBaseSeconds: z.number().positive().default(5),
    /**
     * The longest delay after a failed message, in seconds.
     * @takesEffect each delivery
     */
    webhookRetryMaxDelaySeconds: z.number().positive().max(86_400).default(3600),
    /**
     * A webhook that fails for this long, in days, is disabled. It must be less than `eventRetentionDays`, so that no event
     * is lost before.
     * @takesEffect each delivery
     */
    disableWebhooksAfterDays: z.number().positive().default(5),
  })
  .refine(({ disableWebhooksAfterDays, eventRetentionDays }) => disableWebhooksAfterDays < eventRetentionDays, {
    error: 'must be less than eventRetentionDays',
    path: ['disableWebhooksAfterDays'],
  });

/** The options as a host application writes them. */
export type MetadataEventsOptions = z.input<typeof metadataEventsOptionsSchema>;
/** The complete options, as injected. */
export type MetadataEventsConfig = z.output<typeof metadataEventsOptionsSchema>;
export const METADATA_EVENTS_CONFIG = Symbol('MetadataEventsConfig');

/** Names, limits and defaults of the options. */
export const metadataEventsOptions = new ModuleOptions('MetadataEventsModule', metadataEventsOptionsSchema);
