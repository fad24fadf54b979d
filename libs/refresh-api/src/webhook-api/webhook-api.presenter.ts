import type { Webhook, WebhookDelivery, WebhookTest } from '@app/metadata-events';
import type { z } from 'zod';
import { toMicroseconds } from '../microseconds.js';
import { toPageBody } from '../project-api/project-api.presenter.js';
import type { deliveryPageSchema, webhookSchema, webhookTestSchema } from './webhook-api.responses.js';

export function toWebhookBody(webhook: Webhook): z.output<typeof webhookSchema> {
  return {
    webhook_id: webhook.id,
    url: webhook.url,
    events: webhook.types,
    triggers: webhook.triggers,
    created_at: toMicroseconds(webhook.createdAt),
    disabled: webhook.disabledReason,
    failures: webhook.failures,
    failing_since: webhook.failingSince && toMicroseconds(webhook.failingSince),
    last_error: webhook.lastError,
  };
}

/** Makes a page of rows, one of which may be beyond its limit. */
export function toDeliveryPage(
  deliveries: readonly WebhookDelivery[],
  limit: number,
): z.output<typeof deliveryPageSchema> {
  const rows = deliveries.slice(0, limit).map((delivery) => ({
    ...delivery,
    createdAt: toMicroseconds(delivery.attemptedAt),
  }));
  return toPageBody({ rows, hasMore: deliveries.length > limit }, (delivery) => ({
    message_id: delivery.messageId,
    event_type: delivery.type,
    events: delivery.events,
    attempt: delivery.attempt,
    status: delivery.status,
    reason: delivery.reason,
    duration_ms: delivery.durationMs,
    attempted_at: delivery.createdAt,
  }));
}

export function toTestBody({ messageId, status, reason, durationMs }: WebhookTest): z.output<typeof webhookTestSchema> {
  return { message_id: messageId, status, reason, duration_ms: durationMs };
}
