import { EntityManager } from '@mikro-orm/postgresql';
import { readingFrom, timestamp } from '@app/database';
import type { BoundedCount, PagePosition, ReadScope } from '@app/metadata-refresh';
import { Injectable } from '@nestjs/common';
import { sql, type RawBuilder } from 'kysely';
import { END_OF_POSITION } from './event-cursors.js';
import { MetadataEvents } from './metadata-events.js';
import type { Webhook, WebhookDelivery } from './webhooks.js';

/** `failing`: its last message was not accepted, and is tried again · `disabled`: nothing is sent to it. */
export type WebhookState = 'good' | 'failing' | 'disabled';

/** A webhook with what waits for it. Times are RFC 3339 in UTC, with microseconds. */
export interface ShownWebhook extends Pick<
  Webhook,
  'id' | 'projectId' | 'url' | 'types' | 'triggers' | 'disabledReason' | 'failures' | 'lastError'
> {
  state: WebhookState;
  createdAt: string;
  disabledAt: string | null;
  failingSince: string | null;
  /** When its message is tried next; null: it does not fail, or is disabled. */
  nextAttemptAt: string | null;
  /** Events that wait for it. More, if not all that was published since was looked through. */
  behind: BoundedCount;
  lastDelivery: ShownDelivery | null;
}

export interface ShownDelivery extends Omit<WebhookDelivery, 'attemptedAt'> {
  attemptedAt: string;
}

/** A page of webhooks, oldest first. */
export interface WebhookPage {
  rows: ShownWebhook[];
  /** null: it is the last page. */
  next: PagePosition | null;
}

/** A consumer of this process with what waits for it. */
export interface ShownConsumer {
  name: string;
  behind: BoundedCount;
  failures: number;
  failingSince: string | null;
  lastError: string | null;
}

/** What is wrong with the delivery of events. */
export interface EventProblems {
  /** Since when the oldest committed event waits to be published; null: none waits. */
  unpublishedSince: string | null;
  /** Webhooks that have failed for more than an hour, or were disabled within a day: the longest first. */
  webhooks: Pick<ShownWebhook, 'id' | 'projectId' | 'url' | 'state' | 'failingSince' | 'disabledAt' | 'lastError'>[];
  /** Consumers of this process that have failed for more than an hour. */
  consumers: Pick<ShownConsumer, 'name' | 'failingSince' | 'lastError'>[];
}

const MAX_PROBLEMS = 5;

/** What is looked through for a count: rows of the outbox, and events in them. */
interface Depth {
  rows: number;
  events: number;
}

const LIST_DEPTH: Depth = { rows: 100, events: 1000 };
const PAGE_DEPTH: Depth = { rows: 1000, events: 10_000 };

/** Tells who receives events, and who is behind. */
@Injectable()
export class EventOverview {
  constructor(
    private readonly em: EntityManager,
    private readonly consumers: MetadataEvents,
  ) {}

  async list(
    scope: ReadScope,
    { limit, state, after }: { limit: number; state?: WebhookState | undefined; after?: PagePosition | undefined },
  ): Promise<WebhookPage> {
    const rows = await this.read(
      sql`${within(scope)} and ${state === undefined ? sql`true` : sql`${STATE} = ${state}`}
        and ${after ? sql`(webhook.created_at, webhook.id) > (${after.createdAt}::timestamptz, ${after.id}::uuid)` : sql`true`}`,
      limit + 1,
      LIST_DEPTH,
    );
    const shown = rows.slice(0, limit);
    const last = rows.length > limit ? shown.at(-1) : undefined;
    return { rows: shown, next: last ? { createdAt: last.createdAt, id: last.id } : null };
  }

  /** null: there is none, or it is out of the scope. */
  async find(scope: ReadScope, webhookId: string): Promise<ShownWebhook | null> {
    if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(webhookId)) return null;
    const [found] = await this.read(sql`${within(scope)} and webhook.id = ${webhookId}::uuid`, 1, PAGE_DEPTH);
    return found ?? null;
  }

  /** Newest first, older than the delivery with the id `after`. */
  async listDeliveries(webhookId: string, limit: number, after?: string): Promise<ShownDelivery[]> {
    const { rows } = await sql<{ delivery: ShownDelivery }>`
      select ${DELIVERY} as delivery
      from nft_metadata.webhook_deliveries as delivery
      where delivery.webhook_id = ${webhookId}::uuid
        and (${after ?? null}::bigint is null or delivery.id < ${after ?? null}::bigint)
      order by delivery.id desc
      limit ${limit}`.execute(readingFrom(this.em).getKysely());
    return rows.map(({ delivery }) => delivery);
  }

  /** The consumers of this process, by name. */
  async listConsumers(): Promise<ShownConsumer[]> {
    const { names } = this.consumers;
    if (names.length === 0) return [];
    const filters = names.map((name) => this.consumers.find(name)!.filter);
    const waiting = behind(
      { types: sql`consumer.types`, triggers: sql`consumer.triggers`, projectId: null },
      LIST_DEPTH,
    );
    const { rows } = await sql<ShownConsumer>`
      select cursor.name, ${waiting} as behind, cursor.failures, ${timestamp('cursor.failing_since')} as "failingSince",
        cursor.last_error as "lastError"
      from (
        select name, string_to_array(types, ',') as types, string_to_array(triggers, ',') as triggers
        from unnest(
          ${names}::text[], ${filters.map(({ types }) => types.join())}::text[],
          ${filters.map(({ triggers }) => triggers.join())}::text[]
        ) as known (name, types, triggers)
      ) as consumer
      join nft_metadata.event_cursors as cursor on cursor.kind = 'consumer' and cursor.name = consumer.name
      order by cursor.name`.execute(readingFrom(this.em).getKysely());
    return rows;
  }

  async readProblems(): Promise<EventProblems> {
    const { rows } = await sql<EventProblems>`
      select
        (
          select ${timestamp('occurred_at')} from nft_metadata.event_outbox where position is null order by id limit 1
        ) as "unpublishedSince",
        coalesce((
          select jsonb_agg(
            jsonb_build_object(
              'id', id, 'projectId', project_id, 'url', url, 'state', state, 'failingSince', ${timestamp('failing_since')},
              'disabledAt', ${timestamp('disabled_at')}, 'lastError', last_error
            )
            order by failing_since
          )
          from (
            select webhook.*, ${STATE} as state, cursor.failing_since, cursor.last_error
            from nft_metadata.event_cursors as cursor
            join nft_metadata.webhooks as webhook on webhook.id::text = cursor.name
            where cursor.kind = 'webhook' and cursor.failures > 0 and case
              when webhook.disabled_at is null then cursor.failing_since < now() - interval '1 hour'
              else webhook.disabled_at > now() - interval '1 day'
            end
            order by cursor.failing_since
            limit ${MAX_PROBLEMS}
          ) as webhook
        ), '[]') as webhooks,
        coalesce((
          select jsonb_agg(
            jsonb_build_object('name', name, 'failingSince', ${timestamp('failing_since')}, 'lastError', last_error)
            order by failing_since
          )
          from (
            select * from nft_metadata.event_cursors
            where kind = 'consumer' and name = any(${this.consumers.names}::text[])
              and failing_since < now() - interval '1 hour'
            order by failing_since
            limit ${MAX_PROBLEMS}
          ) as consumer
        ), '[]') as consumers`.execute(readingFrom(this.em).getKysely());
    return rows[0]!;
  }

  private async read(condition: RawBuilder<unknown>, limit: number, depth: Depth): Promise<ShownWebhook[]> {
    const waiting = behind(
      { types: sql`webhook.event_types`, triggers: sql`webhook.triggers`, projectId: sql`webhook.project_id` },
      depth,
    );
    const { rows } = await sql<ShownWebhook>`
      select webhook.id, webhook.project_id as "projectId", webhook.url, webhook.event_types as types,
        webhook.triggers, ${STATE} as state, ${timestamp('webhook.created_at')} as "createdAt",
        ${timestamp('webhook.disabled_at')} as "disabledAt", webhook.disabled_reason as "disabledReason",
        cursor.failures, ${timestamp('cursor.failing_since')} as "failingSince", cursor.last_error as "lastError",
        case when ${STATE} = 'failing' then ${timestamp('cursor.due_at')} end as "nextAttemptAt", ${waiting} as behind,
        (
          select ${DELIVERY} from nft_metadata.webhook_deliveries as delivery
          where delivery.webhook_id = webhook.id
          order by delivery.id desc
          limit 1
        ) as "lastDelivery"
      from (
        select webhook.* from nft_metadata.webhooks as webhook
        join nft_metadata.event_cursors as cursor on cursor.kind = 'webhook' and cursor.name = webhook.id::text
        where ${condition}
        order by webhook.created_at, webhook.id
        limit ${limit}
      ) as webhook
      join nft_metadata.event_cursors as cursor on cursor.kind = 'webhook' and cursor.name = webhook.id::text
      order by webhook.created_at, webhook.id`.execute(readingFrom(this.em).getKysely());
    return rows;
  }
}

const STATE = sql`
  case when webhook.disabled_at is not null then 'disabled' when cursor.failures > 0 then 'failing' else 'good' end`;

const DELIVERY = sql`
  jsonb_build_object(
    'id', delivery.id::text, 'messageId', delivery.message_id, 'type', delivery.event_type, 'events', delivery.events,
    'attempt', delivery.attempt, 'status', delivery.status_code, 'reason', delivery.reason,
    'durationMs', delivery.duration_ms, 'attemptedAt', ${timestamp('delivery.attempted_at')}
  )`;

function within(scope: ReadScope): RawBuilder<unknown> {
  return scope === 'all-projects' ? sql`true` : sql`webhook.project_id = ${scope.projectId}`;
}

/** A BoundedCount of the events that wait for the reader of `cursor`. */
function behind(
  {
    types,
    triggers,
    projectId,
  }: Record<'types' | 'triggers', RawBuilder<unknown>> & { projectId: RawBuilder<unknown> | null },
  depth: Depth,
): RawBuilder<unknown> {
  // Without the row that it has received to its end.
  const from = sql`cursor.position + (cursor.event_index = ${END_OF_POSITION}::int)::int`;
  return sql`(
    select jsonb_build_object(
      'count', (
        select count(*) from nft_metadata.events as event
        where event.position between ${from} and looked.position
          and (event.position, event.event_index) > (cursor.position, cursor.event_index)
          and event.event_type = any(${types})
          and (event.event_type <> 'refresh.completed' or coalesce(event.data->>'trigger', 'api') = any(${triggers}))
          and ${projectId === null ? sql`true` : sql`event.project_id = ${projectId}`}
      ),
      'isMore', coalesce(looked.position < (select last_position from nft_metadata.event_stream), false)
    )
    from (
      select max(position) as position
      from (
        select position, sum(event_count) over (order by position) - event_count as events_before
        from (
          select position, event_count from nft_metadata.event_outbox
          where position >= ${from}
          order by position
          limit ${depth.rows}
        ) as next
      ) as counted
      where events_before < ${depth.events}
    ) as looked
  )`;
}
