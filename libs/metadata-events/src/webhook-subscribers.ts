import { EntityManager } from '@mikro-orm/postgresql';
import { MessageSender, type SendOutcome } from '@app/safe-http';
import { Inject, Injectable, Logger } from '@nestjs/common';
import { sql } from 'kysely';
import type { MetadataEvent, MetadataEventType } from './metadata-event.js';
import { METADATA_EVENTS_CONFIG, type MetadataEventsConfig } from './metadata-events.options.js';
import { retrySeconds, type Delivered, type DeliveryState, type Subscriber } from './subscriber.js';
import { toMessage, type WebhookMessage } from './webhook-message.js';
import { webhookHeaders } from './webhook-signature.js';

interface ActiveWebhook {
  id: string;
  url: string;
  projectId: string;
  types: MetadataEventType[];
  secrets: string[];
}

const SECONDS_PER_DAY = 86_400;

/** Webhooks as subscribers: one message after the other, each signed, tried again until it is taken, and written down. */
@Injectable()
export class WebhookSubscribers {
  private readonly logger = new Logger('MetadataEvents');

  constructor(
    private readonly em: EntityManager,
    private readonly sender: MessageSender,
    @Inject(METADATA_EVENTS_CONFIG) private readonly config: MetadataEventsConfig,
  ) {}

  async find(webhookId: string): Promise<Subscriber | undefined> {
    const { rows } = await sql<ActiveWebhook>`
      select webhook.id, webhook.url, webhook.project_id as "projectId", webhook.event_types as types,
        array(
          select secret from nft_metadata.webhook_secrets
          where webhook_id = webhook.id and valid_until > now() order by id desc
        ) as secrets
      from nft_metadata.webhooks as webhook
      where webhook.id = ${webhookId}::uuid and webhook.disabled_at is null`.execute(this.em.fork().getKysely());
    const [webhook] = rows;
    return (
      webhook && {
        filter: { types: webhook.types, projectId: webhook.projectId, limit: this.config.webhookBatch },
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
    const signed = { id: message.id, timestamp: Math.floor(Date.now() / 1000), body: message.body };
    const headers = { 'content-type': 'application/json', ...webhookHeaders(signed, webhook.secrets) };
    const { webhookDeadlineMs: deadlineMs } = this.config;
    const outcome = await this.sender.send({ url: webhook.url, headers, body: message.body, deadlineMs }, signal);
    if (signal.aborted && outcome.kind === 'unreachable') return { kind: 'interrupted' };

    const reason = reasonOf(outcome);
    await this.writeDown(webhook, message, state, outcome, reason);
    if (reason === null) return { kind: 'delivered', count: message.count };
    if (outcome.kind === 'response' && outcome.status === 410) return this.disable(webhook, 'gone');
    if (state.failingSeconds > this.config.disableWebhooksAfterDays * SECONDS_PER_DAY) {
      return this.disable(webhook, 'failing');
    }
    const { webhookRetryBaseSeconds, webhookRetryCapSeconds } = this.config;
    const pause = retrySeconds(state.attempt, webhookRetryBaseSeconds, webhookRetryCapSeconds);
    const asked = outcome.kind === 'response' ? (outcome.retryAfterSeconds ?? 0) : 0;
    return { kind: 'failed', error: reason, retryInSeconds: Math.max(pause, asked) };
  }

  private async writeDown(
    webhook: ActiveWebhook,
    message: WebhookMessage,
    { attempt }: DeliveryState,
    outcome: SendOutcome,
    reason: string | null,
  ): Promise<void> {
    const status = outcome.kind === 'response' ? outcome.status : null;
    await sql`
      insert into nft_metadata.webhook_deliveries
        (webhook_id, message_id, event_type, events, attempt, status_code, reason, duration_ms, attempted_at)
      select id, ${message.id}, ${message.type}, ${message.count}, ${attempt}, ${status}::int, ${reason}::text,
        ${outcome.durationMs}, now()
      from nft_metadata.webhooks where id = ${webhook.id}::uuid`.execute(this.em.fork().getKysely());
  }

  private async disable({ id, url }: ActiveWebhook, reason: 'gone' | 'failing'): Promise<Delivered> {
    await sql`
      with disabled as (
        update nft_metadata.webhooks set disabled_at = now(), disabled_reason = ${reason} where id = ${id}::uuid
      )
      update nft_metadata.event_cursors set due_at = 'infinity' where kind = 'webhook' and name = ${id}`.execute(
      this.em.fork().getKysely(),
    );
    this.logger.warn({ msg: 'webhook disabled', webhookId: id, host: new URL(url).host, reason });
    return { kind: 'ended' };
  }
}

/** Null when the receiver has taken it: any 2xx. */
function reasonOf(outcome: SendOutcome): string | null {
  if (outcome.kind === 'unreachable') return outcome.reason;
  return outcome.status >= 200 && outcome.status < 300 ? null : `status_${outcome.status}`;
}
