import { EntityManager } from '@mikro-orm/postgresql';
import type { RefreshTrigger } from '@app/metadata-refresh';
import { setError } from '@app/tracing';
import { ModuleLogger } from '@app/logging';
import { Inject, Injectable } from '@nestjs/common';
import { SpanKind } from '@opentelemetry/api';
import { sql } from 'kysely';
import { DeliveryTraces } from './delivery-traces.js';
import { CLAIM_ENDS } from './event-cursors.js';
import type { MetadataEvent, MetadataEventType } from './metadata-event.js';
import { METADATA_EVENTS_CONFIG, type MetadataEventsConfig } from './metadata-events.options.js';
import { retrySeconds, type Delivered, type DeliveryState, type Subscriber } from './subscriber.js';
import { validSecrets, WebhookClient, type Endpoint, type PostResult } from './webhook-client.js';
import { WebhookCounts } from './webhook-counts.js';
import { toMessage, type WebhookMessage } from './webhook-message.js';

interface ActiveWebhook extends Endpoint {
  projectId: string;
  types: MetadataEventType[];
  triggers: RefreshTrigger[];
}

const SECONDS_PER_DAY = 86_400;

/** Webhooks as subscribers: sends one signed message at a time, and retries it until it is accepted. */
@Injectable()
export class WebhookSubscribers {
  private readonly logger = new ModuleLogger('MetadataEvents');

  constructor(
    private readonly em: EntityManager,
    private readonly client: WebhookClient,
    private readonly counts: WebhookCounts,
    private readonly traces: DeliveryTraces,
    @Inject(METADATA_EVENTS_CONFIG) private readonly config: MetadataEventsConfig,
  ) {}

  async find(webhookId: string): Promise<Subscriber | undefined> {
    const { rows } = await sql<ActiveWebhook>`
      select webhook.id, webhook.url, webhook.project_id as "projectId", webhook.event_types as types,
        webhook.triggers, ${validSecrets} as secrets
      from nft_metadata.webhooks as webhook
      where webhook.id = ${webhookId}::uuid and webhook.disabled_at is null`.execute(this.em.fork().getKysely());
    const [webhook] = rows;
    return (
      webhook && {
        filter: {
          types: webhook.types,
          triggers: webhook.triggers,
          projectId: webhook.projectId,
          limit: this.config.webhookBatchSize,
        },
        deliver: (events, state, signal) => this.deliver(webhook, events, state, signal),
      }
    );
  }

  private async deliver(
    webhook: ActiveWebhook,
    events: readonly MetadataEvent[],
    state: DeliveryState,
    signal: AbortSignal,
  ): Promise<Delivered> {
    const message = toMessage(events, this.config.webhookBodyBytes);
    const { outcome, reason } = await this.post(webhook, message, { events, state, signal });
    if (signal.aborted && outcome.kind === 'unreachable') return { kind: 'interrupted' };

    if (reason === null) return { kind: 'delivered', count: message.count };
    if (outcome.kind === 'response' && outcome.status === 410) return this.disable(webhook, 'gone', reason);
    if (state.failingSeconds > this.config.disableWebhooksAfterDays * SECONDS_PER_DAY) {
      return this.disable(webhook, 'failing', reason);
    }
    const { webhookRetryBaseSeconds, webhookRetryMaxDelaySeconds } = this.config;
    const backoff = retrySeconds(state.attempt, webhookRetryBaseSeconds, webhookRetryMaxDelaySeconds);
    const asked = outcome.kind === 'response' ? (outcome.retryAfterSeconds ?? 0) : 0;
    return { kind: 'failed', error: reason, retryInSeconds: Math.max(backoff, asked) };
  }

  private post(
    webhook: ActiveWebhook,
    message: WebhookMessage,
    { events, state, signal }: { events: readonly MetadataEvent[]; state: DeliveryState; signal: AbortSignal },
  ): Promise<PostResult> {
    const { hostname, port } = new URL(webhook.url);
    const attributes = {
      'http.request.method': 'POST',
      // Not the whole URL, which may have a secret in its path.
      'server.address': hostname,
      ...(port !== '' && { 'server.port': Number(port) }),
      ...(state.attempt > 1 && { 'http.request.resend_count': state.attempt - 1 }),
      'messaging.batch.message_count': message.count,
      'nft_refresh.event.type': message.type,
      'nft_refresh.webhook.id': webhook.id,
    };
    const start = { name: 'deliver webhook', kind: SpanKind.CLIENT, attributes };
    return this.traces.run(events.slice(0, message.count), start, async (span) => {
      const result = await this.client.post(webhook, message, state.attempt, signal);
      if (span && result.outcome.kind === 'response') {
        span.setAttribute('http.response.status_code', result.outcome.status);
      }
      if (span && result.reason !== null) setError(span, result.reason);
      return result;
    });
  }

  private async disable({ id, url }: ActiveWebhook, reason: 'gone' | 'failing', error: string): Promise<Delivered> {
    await sql`
      with disabled as (
        update nft_metadata.webhooks set disabled_at = now(), disabled_reason = ${reason} where id = ${id}::uuid
      )
      update nft_metadata.event_cursors
      set due_at = 'infinity', failures = failures + 1, failing_since = coalesce(failing_since, now()), last_error = ${error},
        ${CLAIM_ENDS}
      where kind = 'webhook' and name = ${id}`.execute(this.em.fork().getKysely());
    this.counts.countDisabled(reason);
    this.logger.warn({ msg: 'webhook disabled', webhookId: id, host: new URL(url).host, reason });
    return { kind: 'disabled' };
  }
}
