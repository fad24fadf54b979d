import type { Command } from 'commander';
import { parseRows, withJson, withYes } from './option-values.js';
import { addControlCommands } from './refresh-control.commands.js';
import { readFailures, toFailureLine } from './refresh-failures.js';
import { addRefreshRequestCommand } from './refresh-request.command.js';
import { filterOf, toLine, withFilter, type FilterOptions } from './refresh-selection.js';
import type { Session } from './session.js';

export function addRefreshCommands(refresh: Command, session: Session): void {
  addRefreshRequestCommand(refresh, session);

  withJson(withFilter(refresh.command('list').description('list refreshes, newest first')))
    .option('--pending', 'only refreshes that are not completed')
    .option('--limit <n>', '1 to 1000', parseRows, 100)
    .action(async ({ limit, pending, ...options }: FilterOptions & { limit: number; pending?: boolean }) => {
      const filter = { ...(await filterOf(session, options)), ...(pending && { isPending: true }) };
      const found = await (await session.get('refreshes')).list({ ...filter, limit });
      session.printList('refreshes', found.map(toLine));
    });

  withJson(refresh.command('show').description('show the progress of a refresh and why tokens failed'))
    .requiredOption('--refresh <id>')
    .action(async ({ refresh: id }: { refresh: string }) => {
      const found = toLine(await (await session.get('refreshes')).get(id));
      const failures = await readFailures(session, [id]);
      const lines = Object.entries(found).map(([name, value]) => `${name}: ${String(value)}`);
      session.print({ ...found, failures }, [...lines, ...failures.map(toFailureLine)]);
    });

  addControlCommands(refresh, session);

  withYes(withJson(refresh.command('remove')))
    .description('remove a completed refresh with its errors; clean-up removes them after REFRESH_RETENTION_DAYS')
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
