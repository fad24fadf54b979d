import { METADATA_EVENT_TYPES, Webhooks, type MetadataEventType, type Webhook } from '@app/metadata-events';
import { Projects } from '@app/project-auth';
import { InvalidArgumentError, type Command } from 'commander';
import { parseWholeNumber, withYes } from './option-values.js';
import type { Session } from './session.js';

export function addWebhookCommands(webhook: Command, session: Session): void {
  webhook
    .command('add')
    .description('the secret is shown once; the receiver verifies with it')
    .requiredOption('--project <id>')
    .requiredOption('--url <url>', 'https, to a public address')
    .option('--events <list>', `${METADATA_EVENT_TYPES.join(',')}; both when absent`, parseEventTypes)
    .option('--json', 'print one JSON object')
    .action(async ({ project, url, events }: { project: string; url: string; events?: MetadataEventType[] }) => {
      if (!(await (await session.get(Projects)).findById(project))) {
        throw new Error(`Project ${JSON.stringify(project)} does not exist: create it with "project create".`);
      }
      const { id, secret } = await (await session.get(Webhooks)).add({ projectId: project, url, types: events });
      session.print({ webhook_id: id, secret });
    });
  webhook
    .command('list')
    .option('--project <id>', 'of all projects when absent')
    .option('--json', 'print one JSON object')
    .action(async ({ project }: { project?: string }) => {
      const webhooks = await (await session.get(Webhooks)).list(project);
      session.printList('webhooks', webhooks.map(toLine));
    });
  withWebhook(webhook.command('show')).action(async ({ webhook: id }: { webhook: string }) => {
    session.print(toLine(await (await session.get(Webhooks)).get(id)));
  });
  withWebhook(webhook.command('update').description('in force with the next message; what is not named stays'))
    .option('--url <url>', 'https, to a public address')
    .option('--events <list>', METADATA_EVENT_TYPES.join(','), parseEventTypes)
    .action(async ({ webhook: id, url, events }: { webhook: string; url?: string; events?: MetadataEventType[] }) => {
      if (url === undefined && events === undefined) throw new Error('Say what to change: --url or --events.');
      session.print(toLine(await (await session.get(Webhooks)).update(id, { types: events, ...(url && { url }) })));
    });
  withYes(withWebhook(webhook.command('remove').description('with its secrets and deliveries'))).action(
    async ({ webhook: id, yes }: { webhook: string; yes?: boolean }) => {
      const webhooks = await session.get(Webhooks);
      const { url } = await webhooks.get(id);
      await session.confirm(`This removes webhook ${id} to ${url}, with its secrets and deliveries.`, { yes });
      await webhooks.remove(id);
      session.print({ removed: id });
    },
  );
  withWebhook(webhook.command('test').description('send a signed message now; status 1 when it is not taken')).action(
    async ({ webhook: id }: { webhook: string }) => {
      const { messageId, status, reason, durationMs } = await (await session.get(Webhooks)).test(id);
      if (reason !== null) session.exitStatus = 1;
      session.print({ message_id: messageId, status, reason, duration_ms: durationMs });
    },
  );
  withWebhook(webhook.command('enable').description('one that is disabled, or waits for its next try'))
    .option('--skip-missed', 'only what happens from now on; else from the message that failed on')
    .action(async ({ webhook: id, skipMissed }: { webhook: string; skipMissed?: boolean }) => {
      await (await session.get(Webhooks)).enable(id, { skipBacklog: skipMissed === true });
      session.print({ enabled: id });
    });
  withWebhook(webhook.command('rotate-secret').description('the new secret is shown once'))
    .option('--keep-old-hours <n>', 'how long the old one is good as well; 0 when it has leaked', parseWholeNumber, 24)
    .action(async ({ webhook: id, keepOldHours }: { webhook: string; keepOldHours: number }) => {
      session.print({ secret: await (await session.get(Webhooks)).rotateSecret(id, keepOldHours) });
    });
  withWebhook(webhook.command('deliveries').description('what was posted, newest first'))
    .option('--limit <n>', '1 to 1000', parseWholeNumber, 50)
    .action(async ({ webhook: id, limit }: { webhook: string; limit: number }) => {
      const deliveries = await (await session.get(Webhooks)).listDeliveries(id, limit);
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

function parseEventTypes(text: string): MetadataEventType[] {
  return text.split(',').map((name) => {
    const type = METADATA_EVENT_TYPES.find((known) => known === name.trim());
    if (!type) throw new InvalidArgumentError(`Events are ${METADATA_EVENT_TYPES.join(' and ')}.`);
    return type;
  });
}

function toLine(webhook: Webhook) {
  return {
    webhook_id: webhook.id,
    project_id: webhook.projectId,
    url: webhook.url,
    events: webhook.types.join(','),
    disabled: webhook.disabledReason,
    failures: webhook.failures,
    failing_since: webhook.failingSince?.toISOString() ?? null,
    last_error: webhook.lastError,
  };
}
