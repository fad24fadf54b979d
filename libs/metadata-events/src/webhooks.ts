import { randomUUID } from 'node:crypto';
import { EntityManager } from '@mikro-orm/postgresql';
import { MessageSender } from '@app/safe-http';
import { inTransaction, readingFrom } from '@app/database';
import { REQUESTED_TRIGGERS, type RefreshTrigger } from '@app/metadata-refresh';
import { Injectable } from '@nestjs/common';
import { sql, type RawBuilder } from 'kysely';
import { END_OF_POSITION, EventCursors } from './event-cursors.js';
import { findTriggerMistake } from './event-triggers.js';
import { METADATA_EVENT_TYPES, type MetadataEventType } from './metadata-event.js';
import { InvalidWebhook, WebhookLimitReached, WebhookNotFound, WebhookTestRunning } from './metadata-events.errors.js';
import { validSecrets, WebhookClient, type Endpoint } from './webhook-client.js';
import { testMessage, type TEST_MESSAGE_TYPE } from './webhook-message.js';
import { generateWebhookSecret } from './webhook-signature.js';

/** Valid secrets of a webhook. Each adds 50 bytes to the signature header. */
const MAX_SECRETS = 5;

/** A webhook to create. */
export interface NewWebhook {
  projectId: string;
  /** `https:` and a public address, at most 8 KB; `http:` and private addresses only for exempt hosts. */
  url: string;
  /** Default: all types. */
  types?: readonly MetadataEventType[] | undefined;
  /** Which completed refreshes it receives. Default: REQUESTED_TRIGGERS. */
  triggers?: readonly RefreshTrigger[] | undefined;
  /** Maximum number of the project's webhooks, this one included; default: no limit. */
  projectLimit?: number | undefined;
}

/** Absent fields stay as they are. */
export type WebhookChange = Pick<Partial<NewWebhook>, 'url' | 'types' | 'triggers'>;

/** A webhook and the state of its deliveries. */
export interface Webhook {
  id: string;
  projectId: string;
  url: string;
  types: MetadataEventType[];
  /** Which completed refreshes it receives. */
  triggers: RefreshTrigger[];
  createdAt: Date;
  disabledAt: Date | null;
  /** `gone`: the receiver responded with 410 · `failing`: every attempt has failed for days. */
  disabledReason: 'gone' | 'failing' | null;
  /** Consecutive failed attempts. */
  failures: number;
  failingSince: Date | null;
  lastError: string | null;
}

/** One attempt to send one message. */
export interface WebhookDelivery {
  /** Increases with time. */
  id: string;
  messageId: string;
  type: MetadataEventType | typeof TEST_MESSAGE_TYPE;
  /** Number of events in the message; 0 in a test. */
  events: number;
  attempt: number;
  status: number | null;
  /** null: it was accepted. */
  reason: string | null;
  durationMs: number;
  attemptedAt: Date;
}

/** The result of a test message. */
export interface WebhookTest {
  messageId: string;
  status: number | null;
  /** null: it was accepted. */
  reason: string | null;
  durationMs: number;
}

type WebhookRow = Webhook & Record<'createdAt' | 'disabledAt' | 'failingSince', string | Date | null>;

/** Creates and manages webhooks, the URLs that receive events. */
@Injectable()
export class Webhooks {
  /** Ids of the webhooks to which this process is sending a test message. */
  private readonly testing = new Set<string>();

  constructor(
    private readonly em: EntityManager,
    private readonly cursors: EventCursors,
    private readonly sender: MessageSender,
    private readonly client: WebhookClient,
  ) {}

  /**
   * The webhook receives future events of its project's collections. The secret is returned only here. Throws
   * InvalidWebhook, WebhookLimitReached.
   */
  async add({
    projectId,
    url,
    types = METADATA_EVENT_TYPES,
    triggers = REQUESTED_TRIGGERS,
    projectLimit,
  }: NewWebhook): Promise<{ id: string; secret: string }> {
    this.checkUrl(url);
    checkTypes(types);
    checkTriggers(triggers);
    const [id, secret] = [randomUUID(), generateWebhookSecret()];
    await inTransaction(this.em, async (em) => {
      if (projectLimit !== undefined) await this.checkLimit(em, projectId, projectLimit);
      await sql`
        with webhook as (
          insert into nft_metadata.webhooks (id, project_id, url, event_types, triggers, created_at)
          values (
            ${id}::uuid, ${projectId}, ${url}, ${[...new Set(types)]}::text[], ${[...new Set(triggers)]}::text[], now()
          )
          returning id
        )
        insert into nft_metadata.webhook_secrets (webhook_id, secret, created_at)
        select id, ${secret}, now() from webhook`.execute(em.getKysely());
      await this.cursors.open('webhook', [id], em);
    });
    return { id, secret };
  }

  /** The webhooks of one project or of all projects, oldest first. */
  async list(projectId?: string): Promise<Webhook[]> {
    return this.read(projectId === undefined ? sql`true` : sql`webhook.project_id = ${projectId}`);
  }

  /** Throws WebhookNotFound. */
  async get(webhookId: string): Promise<Webhook> {
    const [webhook] = await this.read(sql`webhook.id = ${uuidOf(webhookId)}::uuid`);
    if (!webhook) throw new WebhookNotFound(webhookId);
    return webhook;
  }

  /** Takes effect with the next message. Throws WebhookNotFound, InvalidWebhook. */
  async update(webhookId: string, { url, types, triggers }: WebhookChange): Promise<Webhook> {
    if (url !== undefined) this.checkUrl(url);
    if (types !== undefined) checkTypes(types);
    if (triggers !== undefined) checkTriggers(triggers);
    await sql`
      update nft_metadata.webhooks
      set url = coalesce(${url ?? null}::text, url),
        event_types = coalesce(${types ? [...new Set(types)] : null}::text[], event_types),
        triggers = coalesce(${triggers ? [...new Set(triggers)] : null}::text[], triggers)
      where id = ${uuidOf(webhookId)}::uuid`.execute(this.em.fork().getKysely());
    return this.get(webhookId);
  }

  /**
   * Sends one signed message of the type `webhook.test`, also to a disabled webhook. It is listed among the deliveries and
   * is not retried. Throws WebhookNotFound, and WebhookTestRunning while this process is sending another one.
   */
  async test(webhookId: string): Promise<WebhookTest> {
    const { rows } = await sql<Endpoint & { now: Date | string }>`
      select webhook.id, webhook.url, ${validSecrets} as secrets, now() as now
      from nft_metadata.webhooks as webhook where webhook.id = ${uuidOf(webhookId)}::uuid`.execute(
      this.em.fork().getKysely(),
    );
    const [webhook] = rows;
    if (!webhook) throw new WebhookNotFound(webhookId);
    if (this.testing.has(webhook.id)) throw new WebhookTestRunning(webhook.id);
    this.testing.add(webhook.id);
    try {
      const message = testMessage(webhook.id, new Date(webhook.now));
      const { outcome, reason } = await this.client.post(webhook, message, 1);
      const status = outcome.kind === 'response' ? outcome.status : null;
      return { messageId: message.id, status, reason, durationMs: outcome.durationMs };
    } finally {
      this.testing.delete(webhook.id);
    }
  }

  /** Deletes the webhook, its secrets and deliveries. A message that is being sent may still arrive. Throws WebhookNotFound. */
  async remove(webhookId: string): Promise<void> {
    const { rows } = await sql`
      with cursor as (delete from nft_metadata.event_cursors where kind = 'webhook' and name = ${webhookId})
      delete from nft_metadata.webhooks where id = ${uuidOf(webhookId)}::uuid returning id`.execute(
      this.em.fork().getKysely(),
    );
    if (rows.length === 0) throw new WebhookNotFound(webhookId);
  }

  /**
   * Resumes delivery now, starting with the message that failed last; events whose retention has ended are missing. With
   * `skipBacklog` only future events are sent. Throws WebhookNotFound.
   */
  async enable(webhookId: string, { skipBacklog = false }: { skipBacklog?: boolean } = {}): Promise<void> {
    const { rows } = await sql`
      with enabled as (
        update nft_metadata.webhooks set disabled_at = null, disabled_reason = null where id = ${uuidOf(webhookId)}::uuid
      )
      update nft_metadata.event_cursors as cursor
      set due_at = now(), failures = 0, failing_since = null, last_error = null,
        position = case when ${skipBacklog} then stream.last_position else cursor.position end,
        event_index = case when ${skipBacklog} then ${END_OF_POSITION}::int else cursor.event_index end,
        claim_count = cursor.claim_count + 1
      from nft_metadata.event_stream as stream
      where cursor.kind = 'webhook' and cursor.name = ${webhookId}
      returning cursor.name`.execute(this.em.fork().getKysely());
    if (rows.length === 0) throw new WebhookNotFound(webhookId);
  }

  /**
   * Creates a new secret, which is returned only here. Old secrets sign messages for `keepOldHours` more; use 0 when one has
   * leaked. At most five secrets are valid: the oldest of more are deleted. Throws WebhookNotFound.
   */
  async rotateSecret(webhookId: string, keepOldHours = 24): Promise<string> {
    const secret = generateWebhookSecret();
    const { rows } = await sql`
      with valid as (
        select id, row_number() over (order by id desc) as index from nft_metadata.webhook_secrets
        where webhook_id = ${uuidOf(webhookId)}::uuid and valid_until > now()
      ), kept as (
        update nft_metadata.webhook_secrets
        set valid_until = least(valid_until, now() + ${keepOldHours} * interval '1 hour')
        where id in (select id from valid where index < ${MAX_SECRETS}::int)
      ), deleted as (
        delete from nft_metadata.webhook_secrets
        where webhook_id = ${uuidOf(webhookId)}::uuid and id not in (select id from valid where index < ${MAX_SECRETS}::int)
      )
      insert into nft_metadata.webhook_secrets (webhook_id, secret, created_at)
      select id, ${secret}, now() from nft_metadata.webhooks where id = ${uuidOf(webhookId)}::uuid
      returning id`.execute(this.em.fork().getKysely());
    if (rows.length === 0) throw new WebhookNotFound(webhookId);
    return secret;
  }

  /** Newest first, at most 1,000, older than the delivery with the id `after`. Empty for a webhook that does not exist. */
  async listDeliveries(webhookId: string, limit = 50, after?: string): Promise<WebhookDelivery[]> {
    const { rows } = await sql<WebhookDelivery & { attemptedAt: Date | string }>`
      select delivery.id::text as id, message_id as "messageId", event_type as type, events, attempt,
        status_code as status, reason, duration_ms as "durationMs", attempted_at as "attemptedAt"
      from nft_metadata.webhook_deliveries as delivery
      where delivery.webhook_id = ${uuidOf(webhookId)}::uuid
        and (${after ?? null}::bigint is null or delivery.id < ${after ?? null}::bigint)
      order by delivery.id desc
      limit ${Math.min(Math.max(limit, 1), 1000)}`.execute(readingFrom(this.em).getKysely());
    return rows.map((row) => ({ ...row, attemptedAt: new Date(row.attemptedAt) }));
  }

  private async read(condition: RawBuilder<unknown>): Promise<Webhook[]> {
    const { rows } = await sql<WebhookRow>`
      select webhook.id, webhook.project_id as "projectId", webhook.url, webhook.event_types as types,
        webhook.triggers, webhook.created_at as "createdAt", webhook.disabled_at as "disabledAt",
        webhook.disabled_reason as "disabledReason", cursor.failures, cursor.failing_since as "failingSince",
        cursor.last_error as "lastError"
      from nft_metadata.webhooks as webhook
      join nft_metadata.event_cursors as cursor on cursor.kind = 'webhook' and cursor.name = webhook.id::text
      where ${condition}
      order by webhook.created_at, webhook.id`.execute(readingFrom(this.em).getKysely());
    return rows.map((row) => ({
      ...row,
      createdAt: new Date(row.createdAt),
      disabledAt: row.disabledAt && new Date(row.disabledAt),
      failingSince: row.failingSince && new Date(row.failingSince),
    }));
  }

  private checkUrl(url: string): void {
    const refusal = this.sender.rejectionReason(url);
    if (!refusal) return;
    throw new InvalidWebhook(
      `Webhook URL ${JSON.stringify(url)} is not allowed: ${refusal}. Use an https URL with a public address and a port that is allowed.`,
    );
  }

  /** Exact under concurrency: an advisory lock of the project serializes additions with a limit. */
  private async checkLimit(em: EntityManager, projectId: string, limit: number): Promise<void> {
    await sql`
      select pg_advisory_xact_lock(hashtextextended(${`nft_metadata.webhooks ${projectId}`}, 0))`.execute(
      em.getKysely(),
    );
    const { rows } = await sql<{ webhooks: number }>`
      select count(*)::int as webhooks from nft_metadata.webhooks where project_id = ${projectId}`.execute(
      em.getKysely(),
    );
    if (rows[0]!.webhooks >= limit) throw new WebhookLimitReached(limit);
  }
}

function checkTypes(types: readonly MetadataEventType[]): void {
  const known = METADATA_EVENT_TYPES.join(', ');
  if (types.length === 0) throw new InvalidWebhook(`A webhook needs at least one event type: ${known}.`);
  const unknown = types.find((type) => !METADATA_EVENT_TYPES.includes(type));
  if (unknown === undefined) return;
  throw new InvalidWebhook(`Unknown event type ${JSON.stringify(unknown)}. Event types are ${known}.`);
}

function checkTriggers(triggers: readonly RefreshTrigger[]): void {
  const mistake = findTriggerMistake(triggers);
  if (mistake) throw new InvalidWebhook(`The triggers of a webhook are invalid: ${mistake}.`);
}

/** Throws WebhookNotFound for a malformed id. */
function uuidOf(webhookId: string): string {
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(webhookId)) throw new WebhookNotFound(webhookId);
  return webhookId;
}
