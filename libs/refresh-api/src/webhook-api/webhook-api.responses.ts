import { METADATA_EVENT_TYPES } from '@app/metadata-events';
import { REFRESH_TRIGGERS, REQUESTED_TRIGGERS } from '@app/metadata-refresh';
import { z } from 'zod';
import { pageSchema } from '../project-api/project-api.responses.js';
import { timestampSchema } from '../time.schema.js';

const id = z.string().meta({ format: 'uuid', examples: ['6c5d2a3e-9b1c-4f6e-8a37-1d0f0a5b7c21'] });
const secret = z.string().meta({
  description: 'Shown only once. The receiver verifies messages with it.',
  examples: ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'],
});
const reason = z
  .string()
  .nullable()
  .meta({ description: '`null`: the receiver accepted the message.', examples: ['timeout'] });

const webhook = {
  webhook_id: id,
  url: z.string().meta({ examples: ['https://partner.example/hook'] }),
  events: z.array(z.enum(METADATA_EVENT_TYPES)),
  triggers: z.array(z.enum(REFRESH_TRIGGERS)).meta({
    description: 'Which completed refreshes it receives: those with one of these triggers.',
    examples: [REQUESTED_TRIGGERS],
  }),
  created_at: timestampSchema,
  disabled: z.enum(['gone', 'failing']).nullable().meta({
    description:
      '`gone`: the receiver responded with 410. `failing`: every delivery failed for days. Nothing is sent until it is enabled.',
  }),
  failures: z.int().min(0).meta({ description: 'The number of consecutive failed deliveries.' }),
  failing_since: timestampSchema.nullable(),
  last_error: reason,
};

export const webhookSchema = z.object(webhook).meta({ id: 'Webhook' });
export const webhookListSchema = z.object({ result: z.array(z.object(webhook)) }).meta({ id: 'WebhookList' });
export const newWebhookSchema = z.object({ ...webhook, secret }).meta({ id: 'NewWebhook' });
export const secretSchema = z.object({ secret }).meta({ id: 'WebhookSecret' });

const status = z
  .int()
  .nullable()
  .meta({ description: 'The HTTP status of the receiver.', examples: [204] });

export const deliveryPageSchema = z
  .object({
    result: z.array(
      z.object({
        message_id: z.string().meta({ examples: ['msg_1042-0'] }),
        event_type: z.enum([...METADATA_EVENT_TYPES, 'webhook.test']),
        events: z.int().min(0).meta({ description: 'The number of events in the message; 0 for a test.' }),
        attempt: z.int().min(1),
        status,
        reason,
        duration_ms: z.int().min(0),
        attempted_at: timestampSchema,
      }),
    ),
    ...pageSchema,
  })
  .meta({ id: 'DeliveryPage' });

export const webhookTestSchema = z
  .object({ message_id: z.string(), status, reason, duration_ms: z.int().min(0) })
  .meta({ id: 'WebhookTest' });
