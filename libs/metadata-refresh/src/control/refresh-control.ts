import { EntityManager } from '@mikro-orm/postgresql';
import { inTransaction } from '@app/database';
import { ModuleLogger } from '@app/logging';
import { Injectable } from '@nestjs/common';
import { sql, type RawBuilder } from 'kysely';
import { KeyedMutex } from '../keyed-mutex.js';
import { RefreshAlreadyCompleted, RefreshCancelled, RefreshNotFound } from '../metadata-refresh.errors.js';
import { parseRefreshId } from '../refresh-id.js';
import { RefreshSweep } from './refresh-sweep.js';

/** A refresh of one project, or of any project for an operator. */
export interface RefreshReference {
  refreshId: string;
  projectId?: string | undefined;
}

/** A last condition, inside the transaction: what it throws undoes the change. */
export type Admission = (em: EntityManager) => Promise<void>;

interface ControlState {
  projectId: string;
  isCompleted: boolean;
  isPaused: boolean;
  isCancelled: boolean;
}

/**
 * Cancels, pauses and resumes refreshes. Each is one update of the refresh's row, however many tokens it has: claims pass over it
 * from the commit on, and RefreshSweep changes the chunks afterwards. Repeating a call changes nothing.
 */
@Injectable()
export class RefreshControl {
  private readonly logger = new ModuleLogger('MetadataRefresh');
  /** Calls for one refresh wait for its row anyhow; here they wait without a connection, which others need. */
  private readonly byRefresh = new KeyedMutex();

  constructor(
    private readonly em: EntityManager,
    private readonly sweep: RefreshSweep,
  ) {}

  /** Throws RefreshNotFound, RefreshAlreadyCompleted. */
  async cancel(refresh: RefreshReference, admit?: Admission): Promise<void> {
    await this.change('refresh cancelled', refresh, admit, ({ isCancelled, isCompleted }) => {
      if (isCancelled) return null;
      if (isCompleted) throw new RefreshAlreadyCompleted(refresh.refreshId);
      return sql`cancelled_at = now(), paused_at = null`;
    });
  }

  /** Throws RefreshNotFound, RefreshCancelled, RefreshAlreadyCompleted. */
  async pause(refresh: RefreshReference, admit?: Admission): Promise<void> {
    await this.change('refresh paused', refresh, admit, (state) => {
      refuseIfEnded(refresh, state);
      return state.isPaused ? null : sql`paused_at = now()`;
    });
  }

  /** Throws RefreshNotFound, RefreshCancelled, RefreshAlreadyCompleted. */
  async resume(refresh: RefreshReference, admit?: Admission): Promise<void> {
    await this.change('refresh resumed', refresh, admit, (state) => {
      refuseIfEnded(refresh, state);
      return state.isPaused ? sql`paused_at = null` : null;
    });
  }

  /** `decide` returns what is set, or null when nothing is to be changed. */
  private async change(
    msg: string,
    { refreshId, projectId }: RefreshReference,
    admit: Admission | undefined,
    decide: (state: ControlState) => RawBuilder<unknown> | null,
  ): Promise<void> {
    const id = parseRefreshId(refreshId);
    const changed = await this.byRefresh.runExclusive(id, () =>
      inTransaction(this.em, async (em) => {
        const state = await lockRefresh(em, id, projectId);
        if (!state) throw new RefreshNotFound(refreshId);
        const changes = decide(state);
        if (changes) {
          await sql`
            update nft_metadata.refreshes set ${changes}, sweep_due_at = now() where id = ${id}::uuid`.execute(
            em.getKysely(),
          );
        }
        await admit?.(em);
        return changes ? state : null;
      }),
    );
    if (!changed) return;
    this.logger.log({ msg, refreshId: id, projectId: changed.projectId });
    this.sweep.wake();
  }
}

function refuseIfEnded({ refreshId }: RefreshReference, { isCancelled, isCompleted }: ControlState): void {
  if (isCancelled) throw new RefreshCancelled(refreshId);
  if (isCompleted) throw new RefreshAlreadyCompleted(refreshId);
}

async function lockRefresh(
  em: EntityManager,
  refreshId: string,
  projectId: string | undefined,
): Promise<ControlState | undefined> {
  const { rows } = await sql<ControlState>`
    select project_id as "projectId", completed_at is not null as "isCompleted", paused_at is not null as "isPaused",
      cancelled_at is not null as "isCancelled"
    from nft_metadata.refreshes
    where id = ${refreshId}::uuid and (${projectId ?? null}::text is null or project_id = ${projectId ?? null}::text)
    for no key update`.execute(em.getKysely());
  return rows[0];
}
