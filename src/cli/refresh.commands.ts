import type { RefreshTrigger } from '@app/metadata-refresh';
import type { Command } from 'commander';
import { parseRows, withJson, withYes } from './option-values.js';
import { addControlCommands } from './refresh-control.commands.js';
import { printRefresh } from './refresh-report.js';
import { addRefreshRequestCommand } from './refresh-request.command.js';
import { filterOf, toLine, withFilter, type FilterOptions } from './refresh-filter.js';
import { addRefreshTokensCommand } from './refresh-tokens.command.js';
import { waitForRefreshes } from './refresh-wait.js';
import type { Session } from './session.js';
import { parseTriggers } from './triggers.js';

type ListOptions = FilterOptions & { limit: number; pending?: boolean; triggers?: RefreshTrigger[] };

export function addRefreshCommands(refresh: Command, session: Session): void {
  addRefreshRequestCommand(refresh, session);

  withJson(withFilter(refresh.command('list').description('list refreshes, newest first')))
    .option('--pending', 'only refreshes that are not completed')
    .option(
      '--triggers <list>',
      'only refreshes that one of these has requested, such as event,schedule',
      parseTriggers,
    )
    .option('--limit <n>', '1 to 1000', parseRows, 100)
    .action(async ({ limit, pending, triggers, ...options }: ListOptions) => {
      const filter = { ...(await filterOf(session, options)), triggers, ...(pending && { isPending: true }) };
      const found = await (await session.get('refreshes')).list({ ...filter, limit });
      session.printList('refreshes', found.map(toLine));
    });

  withJson(
    refresh.command('show').description('show how the tokens of a refresh ended, why some failed, and what to do'),
  )
    .requiredOption('--refresh <id>')
    .action(async ({ refresh: id }: { refresh: string }) => {
      await printRefresh(session, await (await session.get('refreshes')).get(id));
    });

  withJson(refresh.command('watch').description('follow a refresh until it is completed, then show it'))
    .requiredOption('--refresh <id>')
    .addHelpText('after', '\nThe exit status is 1 if tokens failed. Ctrl-C ends only the watching.')
    .action(async ({ refresh: id }: { refresh: string }) => {
      const refreshes = await session.get('refreshes');
      const { total } = await refreshes.get(id);
      await waitForRefreshes(session, { refreshIds: [id], tokens: total, runWorker: false, isWatching: true });
      const completed = await refreshes.get(id);
      if (completed.failed > 0) session.exitStatus = 1;
      await printRefresh(session, completed);
    });

  addRefreshTokensCommand(refresh, session);

  addControlCommands(refresh, session);

  withYes(withJson(refresh.command('remove')))
    .description('remove a completed refresh with its errors; retention removes them after REFRESH_RETENTION_DAYS')
    .requiredOption('--refresh <id>')
    .action(async ({ refresh: id, yes }: { refresh: string; yes?: boolean }) => {
      const refreshes = await session.get('refreshes');
      const { total, failed, pending } = await refreshes.get(id);
      if (pending > 0) {
        throw new Error(
          `Refresh ${id} has ${pending} pending tokens: wait for them, or cancel them with "refresh cancel --refresh ${id}".`,
        );
      }
      await session.confirm(`This removes refresh ${id} of ${total} tokens, with ${failed} errors.`, { yes });
      await refreshes.remove(id);
      session.print({ removed: id });
    });
}
