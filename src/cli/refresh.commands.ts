import { QuotaExceeded, type RefreshingProject } from '@app/metadata-refresh';
import type { Collection } from '@app/token-store';
import type { Command } from 'commander';
import { parseRows, withCollection, withJson, withYes } from './option-values.js';
import { addControlCommands } from './refresh-control.commands.js';
import { readFailures, toFailureLine } from './refresh-failures.js';
import { filterOf, toLine, withFilter, type FilterOptions } from './refresh-selection.js';
import { waitForRefreshes } from './refresh-wait.js';
import { findCollection, type CollectionOptions } from './registered-collection.js';
import type { Session } from './session.js';
import { parseTokenIds } from './token-ids.js';

interface RequestOptions extends CollectionOptions {
  tokens?: string;
  all?: boolean;
  wait?: boolean;
  runWorker?: boolean;
}

export function addRefreshCommands(refresh: Command, session: Session): void {
  const requestCommand = withJson(withCollection(refresh.command('request', { isDefault: true })))
    .description('request a refresh (the default command); counts towards the hourly quota of the project')
    .option('--tokens <list>', 'token ids, such as 1-1000,5000')
    .option('--all', 'all registered tokens')
    .option('--wait', 'wait until a running service completes it. Exit status 1 if tokens failed')
    .option('--run-worker', "wait, and process the queue here with this shell's settings; needs no service")
    .action((options: RequestOptions) => request(session, options));
  refresh.addHelpText('after', () => `\nWithout a command, "request":\n\n${requestCommand.helpInformation()}`);

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

async function request(session: Session, options: RequestOptions): Promise<void> {
  const collection = await findCollection(session, options);
  const tokenIds = await tokensOf(session, collection, options);
  const project = await projectOf(session, collection);
  const service = await session.get('refreshing');

  const limits = await service.readLimits(project);
  // The whole list, since a batch that exceeds the quota would come after others that were accepted.
  if (tokenIds.length > limits.tokensPerHour.remaining) throw new QuotaExceeded(limits.tokensPerHour, tokenIds.length);

  const accepted: { refreshIds: string[]; tokens: number } = { refreshIds: [], tokens: 0 };
  try {
    for (const batch of inBatches(tokenIds, limits.tokensPerRequest)) {
      const { refreshId } = await service.request(project, {
        trigger: 'cli',
        collectionAddress: collection.address,
        tokenIds: batch,
      });
      accepted.refreshIds.push(refreshId);
      accepted.tokens += batch.length;
    }
  } finally {
    // Also when a later batch fails: its error follows what was accepted.
    if (accepted.refreshIds.length > 0) await report(session, project, accepted, options);
  }
}

async function report(
  session: Session,
  project: RefreshingProject,
  { refreshIds, tokens }: { refreshIds: readonly string[]; tokens: number },
  { wait = false, runWorker = false }: RequestOptions,
): Promise<void> {
  if (!wait && !runWorker) return session.print({ refresh_ids: refreshIds, tokens });

  const { succeeded, failed } = await waitForRefreshes(session, project, { refreshIds, tokens, runWorker });
  const failures = await readFailures(session, refreshIds);
  if (failed > 0) session.exitStatus = 1;
  session.print({ refresh_ids: refreshIds, succeeded, failed, failures }, [
    `refresh_ids: ${refreshIds.join(',')}`,
    `succeeded: ${succeeded}`,
    `failed: ${failed}`,
    ...failures.map(toFailureLine),
  ]);
}

/** Splits a list that is longer than the batch limit into several refreshes. */
function inBatches(tokenIds: readonly string[], limit: number): string[][] {
  const size = Math.max(1, limit);
  return Array.from({ length: Math.ceil(tokenIds.length / size) }, (_, index) =>
    tokenIds.slice(index * size, (index + 1) * size),
  );
}

async function projectOf(session: Session, { projectId }: Collection): Promise<RefreshingProject> {
  const project = await (await session.get('projects')).findById(projectId);
  return {
    id: projectId,
    tokensPerRequest: project?.tokensPerRequest ?? null,
    tokensPerHour: project?.tokensPerHour ?? null,
  };
}

async function tokensOf(session: Session, collection: Collection, { tokens, all }: RequestOptions): Promise<string[]> {
  if ((tokens === undefined) === (all !== true))
    throw new Error('Name the tokens: either --tokens 1-1000,5000 or --all.');
  if (tokens !== undefined) return parseTokenIds(tokens);
  const store = await session.get('tokens');
  const ids: string[] = [];
  for (;;) {
    const after = ids.at(-1);
    const page = await store.listTokens({
      collectionId: collection.id,
      limit: 1000,
      ...(after !== undefined && { after }),
    });
    ids.push(...page.map(({ tokenId }) => tokenId));
    if (page.length < 1000) break;
  }
  if (ids.length === 0) throw new Error(`Collection ${collection.address} has no registered tokens.`);
  return ids;
}
