import {
  EventOverview,
  type ShownDelivery,
  type ShownWebhook,
  type WebhookState,
  type WebhookTest as TestResult,
} from '@app/metadata-events';
import { BoundedReads, type PagePosition } from '@app/metadata-refresh';
import { Injectable, Optional } from '@nestjs/common';
import { notFound } from '../console.errors.js';
import { formatCursor } from '../cursor.js';
import { Names } from '../names.js';
import { scopeOf, type Person } from '../person.js';
import type { Webhook, WebhookList, WebhookTest } from '../wire/webhook.schema.js';

const LIST_SIZE = 50;
const DELIVERIES_SIZE = 50;

type ProjectOf = Awaited<ReturnType<Names['ofProjects']>>;

/** What pages show of webhooks and consumers. */
@Injectable()
export class WebhookViews {
  constructor(
    private readonly reads: BoundedReads,
    private readonly names: Names,
    /** Absent: the application does not import MetadataEventsModule. */
    @Optional() private readonly events?: EventOverview,
  ) {}

  list(
    person: Person,
    { state, after }: { state: WebhookState | undefined; after: PagePosition | undefined },
  ): Promise<WebhookList> {
    return this.reads.run(async (now) => {
      const { rows, next } = await this.overview.list(scopeOf(person), { limit: LIST_SIZE, state, after });
      const projectOf = await this.projectsOf(person, rows);
      const consumers = person.kind === 'operator' ? await this.overview.listConsumers() : [];
      return {
        now: now.toISOString(),
        rows: rows.map((webhook) => toWebhook(webhook, projectOf)),
        next: next && formatCursor(next),
        consumers,
      };
    });
  }

  webhook(person: Person, webhookId: string, after?: string): Promise<Webhook> {
    return this.reads.run(async (now) => {
      const webhook = await this.get(person, webhookId);
      const deliveries = await this.overview.listDeliveries(webhook.id, DELIVERIES_SIZE + 1, after);
      const shown = deliveries.slice(0, DELIVERIES_SIZE);
      const isStopped = webhook.state !== 'good';
      return {
        now: now.toISOString(),
        webhook: {
          ...toWebhook(webhook, await this.projectsOf(person, [webhook])),
          deliveries: shown.map(toDelivery),
          next: deliveries.length > shown.length ? formatCursor({ id: shown.at(-1)!.id }) : null,
          actions: {
            enable: person.mayAct && isStopped,
            skip: person.mayAct && isStopped,
            test: person.mayAct,
          },
        },
      };
    });
  }

  tested({ status, reason, durationMs }: TestResult): Promise<WebhookTest> {
    return this.reads.run(async (now) => ({ now: now.toISOString(), status, reason, durationMs }));
  }

  /** Throws Refused for one that is not in the scope of the person. */
  async get(person: Person, webhookId: string): Promise<ShownWebhook> {
    const webhook = await this.overview.find(scopeOf(person), webhookId);
    if (!webhook) throw notFound();
    return webhook;
  }

  private get overview(): EventOverview {
    if (!this.events) throw notFound();
    return this.events;
  }

  private projectsOf(person: Person, webhooks: readonly ShownWebhook[]): Promise<ProjectOf> {
    return this.names.ofProjects(
      person,
      webhooks.map(({ projectId }) => projectId),
    );
  }
}

function toWebhook({ projectId, url, lastDelivery, ...webhook }: ShownWebhook, projectOf: ProjectOf) {
  return {
    ...webhook,
    project: projectOf(projectId),
    url: withoutQuery(url),
    lastDelivery: lastDelivery && toDelivery(lastDelivery),
  };
}

function toDelivery({ attemptedAt, ...delivery }: ShownDelivery): Webhook['webhook']['deliveries'][number] {
  return { ...delivery, at: attemptedAt };
}

/** Its query and credentials can be secret. */
function withoutQuery(text: string): string {
  const { origin, pathname, search } = new URL(text);
  return `${origin}${pathname}${search === '' ? '' : '?…'}`;
}
