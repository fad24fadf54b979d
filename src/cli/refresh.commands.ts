import type { ProjectRefresh, RefreshFilter } from '@app/metadata-refresh';
import type { Command } from 'commander';
import { parseRows, parseWholeNumber, withJson, withYes } from './option-values.js';
import { readFailures, toFailureLine } from './refresh-failures.js';
import { addRefreshRequestCommand } from './refresh-request.command.js';
import { findCollection } from './registered-collection.js';
import type { Session } from './session.js';

interface FilterOptions {
  project?: string;
  collection?: string;
  chain?: number;
}

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

  withYes(withJson(withFilter(refresh.command('cancel'))))
    .description('cancel pending tokens: they fail with the reason "cancelled", and their metadata stays')
    .option('--refresh <id>')
    .action(async (options: FilterOptions & { refresh?: string; yes?: boolean }) => {
      const refreshes = await session.get('refreshes');
      const filter = await pendingFilterOf(session, options);
      const { refreshes: count, pendingTokens } = await refreshes.count(filter);
      if (count > 0) {
        await session.confirm(`This cancels ${count} refreshes with ${pendingTokens} pending tokens.`, options);
      }
      let cancelled = 0;
      for (let pending = await refreshes.list(filter); pending.length > 0; pending = await refreshes.list(filter)) {
        for (const { id } of pending) cancelled += await refreshes.cancel(id);
      }
      session.print({ refreshes: count, cancelled_tokens: cancelled });
    });

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

function withFilter(command: Command): Command {
  return command
    .option('--project <id>')
    .option('--collection <0xADDRESS>')
    .option('--chain <id>', 'chain id, if the address is registered on several chains', parseWholeNumber);
}

async function filterOf(session: Session, { project, collection, chain }: FilterOptions) {
  const named = collection === undefined ? undefined : await findCollection(session, { collection, chain });
  return { projectId: project, collectionId: named?.id };
}

/** Throws an Error without any filter, since it would cancel the refreshes of all projects. */
async function pendingFilterOf(
  session: Session,
  { refresh, ...options }: FilterOptions & { refresh?: string },
): Promise<RefreshFilter> {
  if (refresh === undefined && options.project === undefined && options.collection === undefined) {
    throw new Error('Name the refreshes: --refresh ID, --collection 0xADDRESS or --project ID.');
  }
  if (refresh !== undefined) await (await session.get('refreshes')).get(refresh);
  return { ...(await filterOf(session, options)), refreshId: refresh, isPending: true };
}

function toLine(refresh: ProjectRefresh) {
  return {
    refresh_id: refresh.id,
    project_id: refresh.projectId,
    collection_address: refresh.collectionAddress,
    status: refresh.status,
    succeeded: refresh.succeeded,
    failed: refresh.failed,
    cancelled: refresh.cancelled,
    pending: refresh.pending,
    started_at: refresh.createdAt,
    completed_at: refresh.completedAt,
    cooldown_host: refresh.cooldown?.host ?? null,
    cooldown_until: refresh.cooldown?.until ?? null,
  };
}
