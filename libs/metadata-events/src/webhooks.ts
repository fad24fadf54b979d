import { randomUUID } from 'node:crypto';
import { EntityManager } from '@mikro-orm/postgresql';
import { MessageSender } from '@app/safe-http';
import { inTransaction } from '@app/token-store';
import { Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import { END_OF_POSITION, EventCursors } from './event-cursors.js';
import { METADATA_EVENT_TYPES, type MetadataEventType } from './metadata-event.js';
import { InvalidWebhook, WebhookNotFound } from './metadata-events.errors.js';
import { generateWebhookSecret } from './webhook-signature.js';

export interface NewWebhook {
  projectId: string;
  /** `https:`, to a public address, at most 8 KB; `http:` and other addresses only for exempt hosts. */
  url: string;
  /** All when absent. */
  types?: readonly MetadataEventType[] | undefined;
}

export interface Webhook {
  id: string;
  projectId: string;
  url: string;
  types: MetadataEventType[];
  createdAt: Date;
  disabledAt: Date | null;
  /** `gone`: the receiver answered 410 · `failing`: nothing else for days. */
  disabledReason: 'gone' | 'failing' | null;
  /** Messages that failed in a row, and the reason of the last. */
  failures: number;
  failingSince: Date | null;
  lastError: string | null;
}

/** One try at one message. */
export interface WebhookDelivery {
  messageId: string;
  type: MetadataEventType;
  /** Events in the message. */
  events: number;
  attempt: number;
  status: number | null;
  /** Null: it was taken. */
  reason: string | null;
  durationMs: number;
  attemptedAt: Date;
}

type WebhookRow = Webhook & Record<'createdAt' | 'disabledAt' | 'failingSince', string | Date | null>;

/** Where partners are told of events: what an operator does with webhooks. */
@Injectable()
export class Webhooks {
  constructor(
    private readonly em: EntityManager,
    private readonly cursors: EventCursors,
    private readonly sender: MessageSender,
  ) {}

  /** It is told of what happens from now on to its project's collections. The secret is returned here and nowhere again. Throws InvalidWebhook. */
  async add({ projectId, url, types = METADATA_EVENT_TYPES }: NewWebhook): Promise<{ id: string; secret: string }> {
    const refusal = this.sender.rejectionReason(url);
    if (refusal) throw new InvalidWebhook(`Webhook URL ${JSON.stringify(url)} would not be called: ${refusal}.`);
    const unknown = types.find((type) => !METADATA_EVENT_TYPES.includes(type));
    if (unknown !== undefined || types.length === 0) {
      throw new InvalidWebhook(
        `Event types are ${METADATA_EVENT_TYPES.join(' and ')}; not ${JSON.stringify(unknown)}.`,
      );
    }
    const [id, secret] = [randomUUID(), generateWebhookSecret()];
    await inTransaction(this.em, async (em) => {
      await sql`
        with webhook as (
          insert into nft_metadata.webhooks (id, project_id, url, event_types, created_at)
          values (${id}::uuid, ${projectId}, ${url}, ${[...new Set(types)]}::text[], now())
          returning id
        )
        insert into nft_metadata.webhook_secrets (webhook_id, secret, created_at)
        select id, ${secret}, now() from webhook`.execute(em.getKysely());
      await this.cursors.open('webhook', [id], em);
    });
    return { id, secret };
  }

  /** Of one project or of all, oldest first. */
  async list(projectId?: string): Promise<Webhook[]> {
    const { rows } = await sql<WebhookRow>`
      select webhook.id, webhook.project_id as "projectId", webhook.url, webhook.event_types as types,
        webhook.created_at as "createdAt", webhook.disabled_at as "disabledAt",
        webhook.disabled_reason as "disabledReason", cursor.failures, cursor.failing_since as "failingSince",
        cursor.last_error as "lastError"
      from nft_metadata.webhooks as webhook
      join nft_metadata.event_cursors as cursor on cursor.kind = 'webhook' and cursor.name = webhook.id::text
      where ${projectId ?? null}::text is null or webhook.project_id = ${projectId ?? null}::text
      order by webhook.created_at, webhook.id`.execute(this.em.fork().getKysely());
    return rows.map((row) => ({
      ...row,
      createdAt: new Date(row.createdAt),
      disabledAt: row.disabledAt && new Date(row.disabledAt),
      failingSince: row.failingSince && new Date(row.failingSince),
    }));
  }

  /** With its secrets and deliveries. A message that is under way may still arrive. Throws WebhookNotFound. */
  async remove(webhookId: string): Promise<void> {
    const { rows } = await sql`
      with cursor as (delete from nft_metadata.event_cursors where kind = 'webhook' and name = ${webhookId})
      delete from nft_metadata.webhooks where id = ${uuidOf(webhookId)}::uuid returning id`.execute(
      this.em.fork().getKysely(),
    );
    if (rows.length === 0) throw new WebhookNotFound(webhookId);
  }

  /**
   * Tried again at once, from the message that failed on; of what happened since, events that are no longer kept are
   * left out. With `skipsMissed` only from now on. Throws WebhookNotFound.
   */
  async enable(webhookId: string, { skipsMissed = false }: { skipsMissed?: boolean } = {}): Promise<void> {
    const { rows } = await sql`
      with enabled as (
        update nft_metadata.webhooks set disabled_at = null, disabled_reason = null where id = ${uuidOf(webhookId)}::uuid
      )
      update nft_metadata.event_cursors as cursor
      set due_at = now(), failures = 0, failing_since = null, last_error = null,
        position = case when ${skipsMissed} then stream.last_position else cursor.position end,
        event_index = case when ${skipsMissed} then ${END_OF_POSITION}::int else cursor.event_index end,
        claim_count = cursor.claim_count + 1
      from nft_metadata.event_stream as stream
      where cursor.kind = 'webhook' and cursor.name = ${webhookId}
      returning cursor.name`.execute(this.em.fork().getKysely());
    if (rows.length === 0) throw new WebhookNotFound(webhookId);
  }

  /**
   * A new secret, returned here and nowhere again. Messages are signed with the old ones as well for this many hours; 0
   * when one has leaked. Throws WebhookNotFound.
   */
  async rotateSecret(webhookId: string, keepOldHours = 24): Promise<string> {
    const secret = generateWebhookSecret();
    const { rows } = await sql`
      with old as (
        update nft_metadata.webhook_secrets
        set valid_until = least(valid_until, now() + ${keepOldHours} * interval '1 hour')
        where webhook_id = ${uuidOf(webhookId)}::uuid
      )
      insert into nft_metadata.webhook_secrets (webhook_id, secret, created_at)
      select id, ${secret}, now() from nft_metadata.webhooks where id = ${uuidOf(webhookId)}::uuid
      returning id`.execute(this.em.fork().getKysely());
    if (rows.length === 0) throw new WebhookNotFound(webhookId);
    return secret;
  }

  /** What was posted, newest first; at most 1,000. None for a webhook that does not exist. */
  async listDeliveries(webhookId: string, limit = 50): Promise<WebhookDelivery[]> {
    const { rows } = await sql<WebhookDelivery & { attemptedAt: Date | string }>`
      select message_id as "messageId", event_type as type, events, attempt, status_code as status, reason,
        duration_ms as "durationMs", attempted_at as "attemptedAt"
      from nft_metadata.webhook_deliveries where webhook_id = ${uuidOf(webhookId)}::uuid
      order by id desc
      limit ${Math.min(Math.max(limit, 1), 1000)}`.execute(this.em.fork().getKysely());
    return rows.map((row) => ({ ...row, attemptedAt: new Date(row.attemptedAt) }));
  }
}

/** Throws WebhookNotFound for what is no id. */
function uuidOf(webhookId: string): string {
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(webhookId)) throw new WebhookNotFound(webhookId);
  return webhookId;
}
