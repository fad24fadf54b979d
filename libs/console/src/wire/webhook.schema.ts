import { z } from 'zod';
import {
  boundedCountSchema,
  countSchema,
  nextSchema,
  projectNameSchema,
  timedSchema,
  timeSchema,
} from './values.schema.js';

/** `failing`: its last message was not accepted, and is tried again · `disabled`: nothing is sent to it. */
export const WEBHOOK_STATES = ['good', 'failing', 'disabled'] as const;

const deliverySchema = z.object({
  id: z.string(),
  messageId: z.string(),
  type: z.string(),
  events: countSchema,
  attempt: countSchema,
  status: z.int().nullable(),
  /** null: it was accepted. */
  reason: z.string().nullable(),
  durationMs: countSchema,
  at: timeSchema,
});

const webhookFields = z.object({
  id: z.string(),
  project: projectNameSchema.nullable(),
  /** Without its query, which can be secret. */
  url: z.string(),
  types: z.array(z.string()),
  triggers: z.array(z.string()),
  createdAt: timeSchema,
  state: z.enum(WEBHOOK_STATES),
  disabledAt: timeSchema.nullable(),
  disabledReason: z.enum(['gone', 'failing']).nullable(),
  /** Failed attempts in a row. */
  failures: countSchema,
  failingSince: timeSchema.nullable(),
  lastError: z.string().nullable(),
  /** Its events that it has not received yet, as far as they were counted. */
  behind: boundedCountSchema,
  /** When it is tried next; null: it does not fail, or is disabled. */
  nextAttemptAt: timeSchema.nullable(),
  lastDelivery: deliverySchema.nullable(),
});

/** `GET webhooks?state=&cursor=`: oldest first, with the consumers of the host application for operators. */
export const webhookListSchema = timedSchema.extend({
  rows: z.array(webhookFields),
  next: nextSchema,
  consumers: z.array(
    z.object({
      name: z.string(),
      behind: boundedCountSchema,
      failures: countSchema,
      failingSince: timeSchema.nullable(),
      lastError: z.string().nullable(),
    }),
  ),
});
export type WebhookList = z.output<typeof webhookListSchema>;

/** `GET webhooks/:id?cursor=`: with its deliveries, newest first. */
export const webhookSchema = timedSchema.extend({
  webhook: webhookFields.extend({
    deliveries: z.array(deliverySchema),
    next: nextSchema,
    actions: z.object({ enable: z.boolean(), skip: z.boolean(), test: z.boolean() }),
  }),
});
export type Webhook = z.output<typeof webhookSchema>;

/** `POST webhooks/:id/enable` */
export const enableWebhookSchema = z.strictObject({ skipBacklog: z.boolean().optional() });
export type EnableWebhook = z.output<typeof enableWebhookSchema>;

/** `POST webhooks/:id/test` */
export const webhookTestSchema = timedSchema.extend({
  status: z.int().nullable(),
  reason: z.string().nullable(),
  durationMs: countSchema,
});
export type WebhookTest = z.output<typeof webhookTestSchema>;
