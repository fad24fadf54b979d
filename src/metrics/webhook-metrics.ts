import type { WebhookCounts } from '@app/metadata-events';
import type { ReadMetrics } from './read-metrics.js';

/** Metrics of the messages that this process has sent to webhooks. */
export function registerWebhookMetrics(metrics: ReadMetrics, counts: WebhookCounts): void {
  metrics.counter('nft_refresh_webhook_messages_total', 'Messages to webhooks, by outcome and reason.', () =>
    counts.read().map(({ outcome, reason, count }) => [{ outcome, reason }, count]),
  );
  metrics.counter('nft_refresh_webhooks_disabled_total', 'Webhooks that were disabled, by reason.', () =>
    counts.readDisabled().map(({ reason, count }) => [{ reason }, count]),
  );
}
