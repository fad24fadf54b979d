import { EntityManager } from '@mikro-orm/postgresql';
import { MessageSender, type SendOutcome } from '@app/safe-http';
import { Inject, Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import { METADATA_EVENTS_CONFIG, type MetadataEventsConfig } from './metadata-events.options.js';
import { WebhookCounts } from './webhook-counts.js';
import type { WebhookMessage } from './webhook-message.js';
import { webhookHeaders } from './webhook-signature.js';

/** The receiver of a message, and the secrets that sign it. */
export interface Endpoint {
  id: string;
  url: string;
  secrets: string[];
}

export interface PostResult {
  outcome: SendOutcome;
  /** null: the receiver accepted it. */
  reason: string | null;
}

/** The valid secrets, newest first. For a statement on `webhooks as webhook`. */
export const validSecrets = sql`array(
  select secret from nft_metadata.webhook_secrets
  where webhook_id = webhook.id and valid_until > now() order by id desc
)`;

/** Posts one signed message to a webhook, once, and records the delivery. */
@Injectable()
export class WebhookClient {
  constructor(
    private readonly em: EntityManager,
    private readonly sender: MessageSender,
    private readonly counts: WebhookCounts,
    @Inject(METADATA_EVENTS_CONFIG) private readonly config: MetadataEventsConfig,
  ) {}

  /** A delivery that `signal` aborts is not recorded. */
  async post(webhook: Endpoint, message: WebhookMessage, attempt: number, signal?: AbortSignal): Promise<PostResult> {
    const signed = { id: message.id, timestamp: Math.floor(Date.now() / 1000), body: message.body };
    const headers = { 'content-type': 'application/json', ...webhookHeaders(signed, webhook.secrets) };
    const { webhookDeadlineMs: deadlineMs } = this.config;
    const outcome = await this.sender.send({ url: webhook.url, headers, body: message.body, deadlineMs }, signal);
    const reason = reasonOf(outcome);
    const isAborted = signal?.aborted === true && outcome.kind === 'unreachable';
    if (!isAborted) {
      this.counts.count(reason);
      await this.record(webhook, message, attempt, outcome, reason);
    }
    return { outcome, reason };
  }

  private async record(
    webhook: Endpoint,
    message: WebhookMessage,
    attempt: number,
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
}

/** null when the receiver accepted it, with any 2xx. */
function reasonOf(outcome: SendOutcome): string | null {
  if (outcome.kind === 'unreachable') return outcome.reason;
  return outcome.status >= 200 && outcome.status < 300 ? null : `status_${outcome.status}`;
}
