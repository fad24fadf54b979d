import type { ProjectRefresh, RefreshFilter } from '@app/metadata-refresh';
import type { Command } from 'commander';
import { parseWholeNumber } from './option-values.js';
import { findCollection } from './registered-collection.js';
import type { Session } from './session.js';

/** Selects refreshes by project and collection. */
export interface FilterOptions {
  project?: string;
  collection?: string;
  chain?: number;
}

export function withFilter(command: Command): Command {
  return command
    .option('--project <id>')
    .option('--collection <0xADDRESS>')
    .option('--chain <id>', 'chain id, if the address is registered on several chains', parseWholeNumber);
}

export async function filterOf(session: Session, { project, collection, chain }: FilterOptions) {
  const named = collection === undefined ? undefined : await findCollection(session, { collection, chain });
  return { projectId: project, collectionId: named?.id };
}

/** Throws an Error without any filter, since it would cancel the refreshes of all projects. */
export async function pendingFilterOf(
  session: Session,
  { refresh, ...options }: FilterOptions & { refresh?: string },
): Promise<RefreshFilter> {
  if (refresh === undefined && options.project === undefined && options.collection === undefined) {
    throw new Error('Name the refreshes: --refresh ID, --collection 0xADDRESS or --project ID.');
  }
  if (refresh !== undefined) await (await session.get('refreshes')).get(refresh);
  return { ...(await filterOf(session, options)), refreshId: refresh, isPending: true };
}

export function toLine(refresh: ProjectRefresh) {
  return {
    refresh_id: refresh.id,
    project_id: refresh.projectId,
    collection_address: refresh.collectionAddress,
    status: refresh.status,
    trigger: refresh.trigger,
    retry_of: refresh.retryOf,
    succeeded: refresh.succeeded,
    failed: refresh.failed,
    cancelled: refresh.cancelled,
    pending: refresh.pending,
    started_at: refresh.createdAt,
    completed_at: refresh.completedAt,
    not_before: refresh.notBefore,
    paused_at: refresh.pausedAt,
    cancelled_at: refresh.cancelledAt,
    cooldown_host: refresh.cooldown?.host ?? null,
    cooldown_until: refresh.cooldown?.until ?? null,
  };
}
