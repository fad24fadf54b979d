import { MetadataRefreshService, RefreshWorker, type Refresh, type RefreshingProject } from '@app/metadata-refresh';
import { Projects } from '@app/project-auth';
import { Collections, TokenStore, type Collection } from '@app/token-store';
import { SingleBar } from 'cli-progress';
import type { Command } from 'commander';
import type { Session } from './session.js';
import { parseTokenIds } from './token-ids.js';

interface RefreshOptions {
  collection: string;
  tokens?: string;
  all?: boolean;
  wait?: boolean;
}

const POLL_MS = 200;

export function addRefreshCommand(cli: Command, session: Session): void {
  cli
    .command('refresh')
    .description("fetch tokens' metadata again; counts towards the project's hour")
    .requiredOption('--collection <0xADDRESS>')
    .option('--tokens <list>', 'such as 1-1000,5000')
    .option('--all', 'every registered token')
    .option('--wait', 'until it is completed; this process helps with the work')
    .option('--json', 'print one JSON object')
    .action(async (options: RefreshOptions) => {
      const collection = await findCollection(session, options.collection);
      const tokenIds = await tokensOf(session, collection, options);
      const project = await projectOf(session, collection);
      const service = await session.get(MetadataRefreshService);

      const refreshIds: string[] = [];
      for (const batch of inBatches(tokenIds, (await service.readLimits(project)).tokensPerRequest)) {
        const request = { collectionAddress: collection.address, tokenIds: batch };
        refreshIds.push((await service.request(project, request)).refreshId);
      }
      if (!options.wait) return session.print({ refresh_ids: refreshIds, tokens: tokenIds.length });
      session.print({ refresh_ids: refreshIds, ...(await waitFor(session, project, refreshIds, tokenIds.length)) });
    });
}

/** A list that is longer than one request may be becomes several refreshes. */
function inBatches(tokenIds: readonly string[], limit: number): string[][] {
  const size = Math.max(1, limit);
  return Array.from({ length: Math.ceil(tokenIds.length / size) }, (_, index) =>
    tokenIds.slice(index * size, (index + 1) * size),
  );
}

async function findCollection(session: Session, address: string): Promise<Collection> {
  const [collection] = await (await session.get(Collections)).findByAddress(address);
  if (!collection)
    throw new Error(`Collection ${JSON.stringify(address)} is not registered: add it with "collection add".`);
  return collection;
}

async function projectOf(session: Session, { projectId }: Collection): Promise<RefreshingProject> {
  const project = await (await session.get(Projects)).findById(projectId);
  return {
    id: projectId,
    tokensPerRequest: project?.tokensPerRequest ?? null,
    tokensPerHour: project?.tokensPerHour ?? null,
  };
}

async function tokensOf(session: Session, collection: Collection, { tokens, all }: RefreshOptions): Promise<string[]> {
  if ((tokens === undefined) === (all !== true))
    throw new Error('Say which tokens: either --tokens 1-1000,5000 or --all.');
  if (tokens !== undefined) return parseTokenIds(tokens);
  const store = await session.get(TokenStore);
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

/** Works on the queue beside whatever service runs, so that it ends also when none does. */
async function waitFor(session: Session, project: RefreshingProject, refreshIds: readonly string[], total: number) {
  const service = await session.get(MetadataRefreshService);
  const worker = await session.get(RefreshWorker);
  const bar = process.stderr.isTTY
    ? new SingleBar({ format: '{bar} {value}/{total} tokens', stream: process.stderr, hideCursor: true })
    : null;
  bar?.start(total, 0);
  worker.start();
  try {
    for (;;) {
      const refreshes = await Promise.all(refreshIds.map((id) => service.getRefresh(project, id)));
      const counts = sum(refreshes);
      bar?.update(counts.succeeded + counts.failed);
      if (refreshes.every(({ status }) => status === 'completed')) return counts;
      await new Promise((done) => setTimeout(done, POLL_MS));
      worker.wake();
    }
  } finally {
    bar?.stop();
    await worker.stop();
  }
}

function sum(refreshes: readonly Refresh[]) {
  return refreshes.reduce(
    (counts, { succeeded, failed }) => ({ succeeded: counts.succeeded + succeeded, failed: counts.failed + failed }),
    { succeeded: 0, failed: 0 },
  );
}
