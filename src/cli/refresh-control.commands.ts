import type { Command } from 'commander';
import { withJson, withYes } from './option-values.js';
import { parseReason } from './refresh-reason.js';
import { pendingFilterOf, toLine, withFilter, type FilterOptions } from './refresh-filter.js';
import type { Session } from './session.js';

export function addControlCommands(refresh: Command, session: Session): void {
  withYes(withJson(withFilter(refresh.command('cancel'))))
    .description('cancel pending tokens: they are not fetched, and their metadata does not change')
    .option('--refresh <id>')
    .action((options: FilterOptions & { refresh?: string; yes?: boolean }) => cancel(session, options));

  withJson(refresh.command('pause'))
    .description('stop fetching the tokens of a refresh until it is resumed; after 30 days it is cancelled')
    .requiredOption('--refresh <id>')
    .action(async ({ refresh: id }: { refresh: string }) => {
      const refreshes = await session.get('refreshes');
      await refreshes.pause(id);
      session.print(toLine(await refreshes.get(id)));
    });

  withJson(refresh.command('resume'))
    .description('resume a paused refresh')
    .requiredOption('--refresh <id>')
    .action(async ({ refresh: id }: { refresh: string }) => {
      const refreshes = await session.get('refreshes');
      await refreshes.resume(id);
      session.print(toLine(await refreshes.get(id)));
    });

  withJson(refresh.command('retry'))
    .description('request a new refresh of the failed tokens of a refresh; counts towards no quota')
    .requiredOption('--refresh <id>')
    .option('--reasons <list>', 'only tokens that failed for one of these, such as timeout,status_503', parseReasons)
    .action(async ({ refresh: id, reasons }: { refresh: string; reasons?: string[] }) => {
      const retry = await (await session.get('refreshes')).retry(id, { reasons });
      session.print({ refresh_id: retry.refreshId, tokens: retry.tokens });
    });
}

async function cancel(session: Session, options: FilterOptions & { refresh?: string; yes?: boolean }): Promise<void> {
  const refreshes = await session.get('refreshes');
  const filter = await pendingFilterOf(session, options);
  const { refreshes: count, pendingTokens } = await refreshes.count(filter);
  if (count > 0) {
    await session.confirm(`This cancels ${count} refreshes with ${pendingTokens} pending tokens.`, options);
  }
  let cancelled = 0;
  for (let pending = await refreshes.list(filter); pending.length > 0; pending = await refreshes.list(filter)) {
    // First all of them: none is claimed while others are being cancelled.
    for (const { id } of pending) await refreshes.requestCancel(id);
    for (const { id, cancelled: before } of pending) {
      await refreshes.cancel(id);
      cancelled += (await refreshes.get(id)).cancelled - before;
    }
  }
  session.print({ refreshes: count, cancelled_tokens: cancelled });
}

function parseReasons(text: string): string[] {
  return text.split(',').map((reason) => parseReason(reason.trim()));
}
