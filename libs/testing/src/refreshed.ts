import { setTimeout as pause } from 'node:timers/promises';
import {
  adviceOf,
  MetadataRefreshService,
  Refreshes,
  RefreshWorker,
  type ProjectRefreshDetails,
  type Receipt,
  type RefreshingProject,
} from '@app/metadata-refresh';
import { ProjectDirectory } from '@app/project-auth';
import { asRefreshingProject } from '@app/refresh-api';
import { Collections, TokenStore, type TokenRecord } from '@app/token-store';
import type { INestApplicationContext } from '@nestjs/common';
import type { TestClock } from './test-clock.js';

/** Which tokens to refresh. */
export interface RefreshedRequest {
  /** A registered collection, on one chain. */
  collectionAddress: string;
  /** Absent: all registered tokens of the collection. */
  tokenIds?: readonly string[];
  /** That of the application's database. It is moved to each retry; without it, retries take their time. */
  clock?: TestClock;
  /** How long this may take, in real time. Default: 30,000. */
  timeoutMs?: number;
}

/** A refresh that has ended. */
export interface Refreshed {
  /** What the caller of the API gets. */
  receipt: Receipt;
  /** How its tokens ended: counts, verdicts, and why some failed. */
  refresh: ProjectRefreshDetails;
  /** The records of its tokens afterwards, in the order of the request. Those that are not registered are left out. */
  records: TokenRecord[];
}

const POLL_MS = 50;

/**
 * Requests a refresh for the project of the collection, within its limits, and works until every token is final. The application may
 * have a worker that runs, or `runWorker: false`. Throws as `MetadataRefreshService.request`, and an Error if the refresh does not end.
 */
export async function refreshed(
  app: INestApplicationContext,
  { collectionAddress, tokenIds, clock, timeoutMs = 30_000 }: RefreshedRequest,
): Promise<Refreshed> {
  const [collection] = await app.get(Collections).findByAddress(collectionAddress);
  if (!collection) {
    throw new Error(`Collection ${collectionAddress} is not registered. Register it with Collections.add first.`);
  }
  const project = await projectOf(app, collection.projectId);
  const wanted = tokenIds ? { tokenIds } : { selection: { all: true as const } };
  const receipt = await app.get(MetadataRefreshService).request(project, { collectionAddress, ...wanted });
  const refresh = await ended(app, receipt.refreshId, { clock, timeoutMs });
  return { receipt, refresh, records: await recordsOf(app, receipt.refreshId, collection.id, tokenIds) };
}

async function projectOf(app: INestApplicationContext, projectId: string): Promise<RefreshingProject> {
  const project = await app.get(ProjectDirectory).findById(projectId);
  if (!project) throw new Error(`Project ${projectId}, which owns the collection, is not known to ProjectDirectory.`);
  return asRefreshingProject(project);
}

async function ended(
  app: INestApplicationContext,
  refreshId: string,
  { clock, timeoutMs }: { clock: TestClock | undefined; timeoutMs: number },
): Promise<ProjectRefreshDetails> {
  const [refreshes, worker] = [app.get(Refreshes), app.get(RefreshWorker)];
  for (const deadline = performance.now() + timeoutMs; ;) {
    await worker.runOnce();
    const refresh = await refreshes.get(refreshId);
    if (refresh.status === 'completed') return refresh;
    if (performance.now() > deadline) {
      const why = [`${refresh.pending} of its ${refresh.total} tokens are pending.`, ...adviceOf(refresh)].join(' ');
      throw new Error(`Refresh ${refreshId} has not ended after ${timeoutMs / 1000} seconds: ${why}`);
    }
    const seconds = clock ? await secondsUntilDue(refreshes, refresh, clock) : 0;
    if (clock && seconds > 0) await clock.advance(seconds);
    else await pause(POLL_MS);
  }
}

/** Until the next attempt at a token; 0 if nothing is known of it. */
async function secondsUntilDue(
  refreshes: Refreshes,
  { id, cooldown }: ProjectRefreshDetails,
  clock: TestClock,
): Promise<number> {
  let next = Infinity;
  for await (const tokens of refreshes.tokenPages(id, { verdict: 'pending' })) {
    for (const { nextAttemptAt } of tokens)
      if (nextAttemptAt !== null) next = Math.min(next, Date.parse(nextAttemptAt));
  }
  if (cooldown) next = Math.max(Number.isFinite(next) ? next : 0, Date.parse(cooldown.until));
  if (!Number.isFinite(next)) return 0;
  // A millisecond more, because times have microseconds.
  return Math.max(0, next - (await clock.now()).getTime() + 1) / 1000;
}

async function recordsOf(
  app: INestApplicationContext,
  refreshId: string,
  collectionId: string,
  tokenIds: readonly string[] | undefined,
): Promise<TokenRecord[]> {
  const ids = tokenIds ? [...new Set(tokenIds)] : [];
  if (!tokenIds) {
    for await (const tokens of app.get(Refreshes).tokenPages(refreshId, {}))
      ids.push(...tokens.map((one) => one.tokenId));
  }
  const records = await app.get(TokenStore).findTokens(ids.map((tokenId) => ({ collectionId, tokenId })));
  const byId = new Map(records.map((record) => [record.tokenId, record]));
  return ids.flatMap((id) => byId.get(id) ?? []);
}
