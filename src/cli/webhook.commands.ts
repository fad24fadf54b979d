import { METADATA_EVENT_TYPES, type MetadataEventType, type Webhook } from '@app/metadata-events';
import { REQUESTED_TRIGGERS, type RefreshTrigger } from '@app/metadata-refresh';
import { InvalidArgumentError, type Command } from 'commander';
import { parseRows, parseWholeNumber, withYes } from './option-values.js';
import type { Session } from './session.js';
import { parseTriggers } from './triggers.js';

interface WebhookOptions {
  url?: string;
  events?: MetadataEventType[];
  triggers?: RefreshTrigger[];
}

/** As over HTTP. */
const MAX_KEPT_HOURS = 168;
const TRIGGERS_HELP = `of refresh.completed: only of refreshes with these; add's default: ${REQUESTED_TRIGGERS.join(',')}`;

export function addWebhookCommands(webhook: Command, session: Session): void {
  webhook
    .command('add')
    .description('add a webhook; the secret that verifies its messages is shown once')
    .requiredOption('--project <id>')
    .requiredOption('--url <url>', 'https URL with a public address')
    .option('--events <list>', `${METADATA_EVENT_TYPES.join(',')}; default: all`, parseEventTypes)
    .option('--triggers <list>', TRIGGERS_HELP, parseTriggers)
    .option('--json', 'print one JSON object')
    .action(async ({ project, url, events, triggers }: WebhookOptions & { project: string; url: string }) => {
      if (!(await (await session.get('projects')).findById(project))) {
        throw new Error(`Project ${JSON.stringify(project)} does not exist: create it with "project create".`);
      }
      const webhooks = await session.get('webhooks');
      const { id, secret } = await webhooks.add({ projectId: project, url, types: events, triggers });
      session.print({ webhook_id: id, secret });
    });
  webhook
    .command('list')
    .description('list webhooks and whether they fail')
    .option('--project <id>', 'default: all projects')
    .option('--json', 'print one JSON object')
    .action(async ({ project }: { project?: string }) => {
      const webhooks = await (await session.get('webhooks')).list(project);
      session.printList('webhooks', webhooks.map(toLine));
    });
  withWebhook(webhook.command('show').description('show a webhook, and why it fails or is disabled')).action(
    async ({ webhook: id }: { webhook: string }) => {
      session.print(toLine(await (await session.get('webhooks')).get(id)));
    },
  );
  withWebhook(
    webhook
      .command('update')
      .description('change a webhook; takes effect with the next message; other values do not change'),
  )
    .option('--url <url>', 'https URL with a public address')
    .option('--events <list>', METADATA_EVENT_TYPES.join(','), parseEventTypes)
    .option('--triggers <list>', TRIGGERS_HELP, parseTriggers)
    .action(async ({ webhook: id, url, events, triggers }: WebhookOptions & { webhook: string }) => {
      if (!url && !events && !triggers) throw new Error('Name what to change: --url, --events or --triggers.');
      const webhooks = await session.get('webhooks');
      session.print(toLine(await webhooks.update(id, { types: events, triggers, ...(url && { url }) })));
    });
  withYes(withWebhook(webhook.command('remove').description('remove a webhook, its secrets and deliveries'))).action(
    async ({ webhook: id, yes }: { webhook: string; yes?: boolean }) => {
      const webhooks = await session.get('webhooks');
      const { url } = await webhooks.get(id);
      await session.confirm(`This removes webhook ${id} to ${url}, with its secrets and deliveries.`, { yes });
      await webhooks.remove(id);
      session.print({ removed: id });
    },
  );
  withWebhook(
    webhook.command('test').description('send a signed test message now; exit status 1 if it is not accepted'),
  ).action(async ({ webhook: id }: { webhook: string }) => {
    const { messageId, status, reason, durationMs } = await (await session.get('webhooks')).test(id);
    if (reason !== null) session.exitStatus = 1;
    session.print({ message_id: messageId, status, reason, duration_ms: durationMs });
  });
  withWebhook(webhook.command('enable').description('enable a disabled webhook, or retry a failing one now'))
    .option('--skip-backlog', 'skip the backlog; without it, delivery resumes with the message that failed')
    .action(async ({ webhook: id, skipBacklog }: { webhook: string; skipBacklog?: boolean }) => {
      await (await session.get('webhooks')).enable(id, { skipBacklog: skipBacklog === true });
      session.print({ enabled: id });
    });
  withWebhook(webhook.command('rotate-secret').description('create a new secret; it is shown once'))
    .option(
      '--keep-old-hours <n>',
      'how many hours the old secret stays valid, at most 168; 0 if it has leaked',
      parseKeptHours,
      24,
    )
    .action(async ({ webhook: id, keepOldHours }: { webhook: string; keepOldHours: number }) => {
      session.print({ secret: await (await session.get('webhooks')).rotateSecret(id, keepOldHours) });
    });
  withWebhook(webhook.command('deliveries').description('list the messages that were sent, newest first'))
    .option('--limit <n>', '1 to 1000', parseRows, 50)
    .action(async ({ webhook: id, limit }: { webhook: string; limit: number }) => {
      const deliveries = await (await session.get('webhooks')).listDeliveries(id, limit);
      session.printList(
        'deliveries',
        deliveries.map(({ attemptedAt, messageId, type, events, attempt, status, reason, durationMs }) => ({
          attempted_at: attemptedAt.toISOString(),
          message_id: messageId,
          event_type: type,
          events,
          attempt,
          status,
          reason,
          duration_ms: durationMs,
        })),
      );
    });
}

function withWebhook(command: Command): Command {
  return command.requiredOption('--webhook <id>').option('--json', 'print one JSON object');
}

function parseKeptHours(text: string): number {
  const hours = parseWholeNumber(text);
  if (hours > MAX_KEPT_HOURS) throw new InvalidArgumentError(`It must be from 0 to ${MAX_KEPT_HOURS}.`);
  return hours;
}

function parseEventTypes(text: string): MetadataEventType[] {
  return text.split(',').map((name) => {
    const type = METADATA_EVENT_TYPES.find((known) => known === name.trim());
    if (!type) throw new InvalidArgumentError(`Events are ${METADATA_EVENT_TYPES.join(', ')}.`);
    return type;
  });
}

function toLine(webhook: Webhook) {
  return {
    webhook_id: webhook.id,
    project_id: webhook.projectId,
    url: webhook.url,
    events: webhook.types.join(','),
    triggers: webhook.triggers.join(','),
    disabled: webhook.disabledReason,
    failures: webhook.failures,
    failing_since: webhook.failingSince?.toISOString() ?? null,
    last_error: webhook.lastError,
  };
}
