import { EntityManager } from '@mikro-orm/postgresql';
import { describeDatabaseError, inTransaction } from '@app/database';
import { ModuleLogger } from '@app/logging';
import { Injectable, Optional, type BeforeApplicationShutdown } from '@nestjs/common';
import { sql, type RawBuilder } from 'kysely';
import { BackgroundPass } from '../background-pass.js';
import { EventOutbox } from '../event-outbox.js';
import { countResults } from '../completion/refresh-progress.js';
import { REFRESH_CHANNEL } from '../queue/refresh-queue.js';
import { traceCompletions } from '../refresh-trace.js';
import { RefreshQuota } from '../admission/refresh-quota.js';
import { ResultCounts } from '../metrics/result-counts.js';
import { ScheduledRefreshes } from '../admission/scheduled-refreshes.js';
import {
  areAllPaused,
  cancelChunks,
  isNotCompleted,
  lockChunksToPause,
  setChunksPaused,
  type ChunkBatch,
} from './stopped-chunks.js';
import { VERDICTS } from '../verdict.js';

/** Chunks that one transaction cancels, with up to 128 tokens each. */
const CANCEL_BATCH_SIZE = 64;
/** Chunks that one transaction pauses or resumes. */
const PAUSE_BATCH_SIZE = 500;
/** Refreshes that one process works on in turns. */
const REFRESHES_PER_PASS = 16;
/** A process that dies leaves its refreshes to others after this time. Each step renews it. */
const LEASE = sql`interval '10 seconds'`;
/** The next look at chunks that a worker holds, or that another transaction has locked. */
const NEXT_LOOK = sql`interval '1 second'`;
/** A refresh that is paused for longer is cancelled. */
const MAX_PAUSE = sql`interval '30 days'`;

interface SweepState {
  isPaused: boolean;
  isCancelled: boolean;
  /** Its time (`not_before`) has not come, or it could not begin yet. */
  isScheduled: boolean;
  /** It is scheduled, and its time has come. */
  isDue: boolean;
  isPausedTooLong: boolean;
}

/**
 * Makes the chunks of refreshes follow what was decided about the refresh, in short transactions: it cancels their tokens, pauses
 * them with the refresh, makes them claimable again, and begins scheduled refreshes. Any process may run it, and several may at the
 * same time: `refreshes.sweep_due_at` says which refreshes are due, and a process that works on one moves it ahead for a few seconds. So
 * a process that dies leaves its work to the next one. Without such refreshes, a pass is one look into an index.
 */
@Injectable()
export class RefreshSweep implements BeforeApplicationShutdown {
  private readonly logger = new ModuleLogger('MetadataRefresh');
  private readonly background = new BackgroundPass(
    () => this.pass(),
    (error) => this.logger.warn({ msg: 'refresh sweep failed', error: describeDatabaseError(error) }),
  );

  constructor(
    private readonly em: EntityManager,
    private readonly quota: RefreshQuota,
    private readonly scheduled: ScheduledRefreshes,
    private readonly resultCounts: ResultCounts,
    @Optional() private readonly outbox?: EventOutbox,
  ) {}

  /** Works in the background on what is due. Logs errors: another process, or the next call, continues. */
  wake(): void {
    this.background.wake();
  }

  /** The same, at most once a second. */
  poll(): void {
    this.background.poll();
  }

  /** Works until nothing is due, also on what becomes due meanwhile. Throws database errors. */
  continueStopped(): Promise<void> {
    return this.background.run();
  }

  /** Cancels chunks of a cancelled refresh, due or not. Returns the number of tokens. */
  async cancelBatch(refreshId: string, batch: Partial<ChunkBatch> = {}) {
    const { cancelled, progress } = await inTransaction(this.em, async (em) => {
      const chunks = await cancelChunks(em, refreshId, { limit: CANCEL_BATCH_SIZE, ...batch });
      if (chunks.tokens === 0) return { cancelled: chunks, progress: [] };
      const counts = await countResults(em, [{ refreshId, verdict: VERDICTS.cancelled, tokens: chunks.tokens }]);
      await schedule(em, refreshId, sql`now() + ${LEASE}`);
      if (chunks.unbegun > 0) await this.quota.refund(em, refreshId, chunks.unbegun);
      const completed = counts.filter((of) => of.completed);
      await this.outbox?.add(em, { completions: completed });
      return { cancelled: chunks, progress: completed };
    });
    this.resultCounts.add([{ refreshId, verdict: VERDICTS.cancelled, tokens: cancelled.tokens }]);
    if (progress.length > 0) this.outbox?.announce();
    traceCompletions(progress);
    for (const { completed: _, revealId: __, traceparent: ___, ...fields } of progress)
      this.logger.log({ msg: 'refresh completed', ...fields });
    return cancelled;
  }

  /** Ends after the transaction that is running. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.background.stop();
  }

  /** Takes what is due, and makes one step of each refresh in turns: a small one does not wait behind a large one. */
  private async pass(): Promise<void> {
    const taken = new Map<string, Steps>();
    for (;;) {
      for (const id of await this.take(REFRESHES_PER_PASS - taken.size)) taken.set(id, { after: undefined });
      if (taken.size === 0) return;
      for (const [id, steps] of taken) {
        if (this.background.isStopped) return;
        if (await this.step(id, steps)) continue;
        taken.delete(id);
      }
    }
  }

  private async take(limit: number): Promise<string[]> {
    if (limit <= 0) return [];
    const { rows } = await sql<{ id: string }>`
      update nft_metadata.refreshes set sweep_due_at = now() + ${LEASE}
      where id = any(array(
        select id from nft_metadata.refreshes
        where ${isNotCompleted} and sweep_due_at <= now()
        order by sweep_due_at
        limit ${limit}
        for no key update skip locked
      ))
      returning id`.execute(this.em.fork().getKysely());
    return rows.map(({ id }) => id);
  }

  /** Returns whether there is more to do now. */
  private async step(refreshId: string, steps: Steps): Promise<boolean> {
    const state = await readState(this.em.fork(), refreshId);
    if (!state) return false;
    if (state.isCancelled) return this.cancelNext(refreshId, steps);
    if (state.isPausedTooLong) return this.endPause(refreshId);
    if (state.isDue && !state.isPaused) return this.begin(refreshId);
    return this.pauseNext(refreshId, shouldBePaused(state));
  }

  private async cancelNext(refreshId: string, steps: Steps): Promise<boolean> {
    const { chunks, lastTokenId } = await this.cancelBatch(refreshId, { after: steps.after });
    if (chunks > 0) steps.after = lastTokenId!;
    // From the first token again, for chunks that were locked or claimed.
    else if (steps.after !== undefined) steps.after = undefined;
    else {
      await schedule(this.em.fork(), refreshId, sql`now() + ${NEXT_LOOK}`);
      return false;
    }
    return true;
  }

  private async endPause(refreshId: string): Promise<boolean> {
    const { rows } = await sql<{ projectId: string }>`
      update nft_metadata.refreshes set cancelled_at = now(), paused_at = null
      where id = ${refreshId}::uuid and completed_at is null and cancelled_at is null and paused_at <= now() - ${MAX_PAUSE}
      returning project_id as "projectId"`.execute(this.em.fork().getKysely());
    for (const { projectId } of rows) {
      this.logger.log({ msg: 'refresh cancelled', refreshId, projectId, reason: 'paused for 30 days' });
    }
    return true;
  }

  /** Its chunks follow in further steps, when it has begun. */
  private async begin(refreshId: string): Promise<boolean> {
    await this.scheduled.begin(refreshId);
    return false;
  }

  /**
   * The lock on the refresh keeps pauses and resumes out until the commit, and it is taken after those on chunks, as everywhere. What
   * workers split off a chunk has the `is_paused` of that chunk, so it is enough to see once that all chunks have it.
   */
  private async pauseNext(refreshId: string, shouldPause: boolean): Promise<boolean> {
    return inTransaction(this.em, async (em) => {
      const chunkIds = await lockChunksToPause(em, refreshId, shouldPause, PAUSE_BATCH_SIZE);
      await schedule(em, refreshId, sql`now() + ${LEASE}`);
      const state = await readState(em, refreshId);
      if (!state) return false;
      if (state.isCancelled || shouldBePaused(state) !== shouldPause) return true;
      if (chunkIds.length > 0) {
        await setChunksPaused(em, chunkIds, shouldPause);
        if (!shouldPause) await sql`select pg_notify(${REFRESH_CHANNEL}, '')`.execute(em.getKysely());
        return true;
      }
      const isDone = await areAllPaused(em, refreshId, shouldPause);
      await schedule(em, refreshId, isDone ? AFTER_PAUSING : sql`now() + ${NEXT_LOOK}`);
      return false;
    });
  }
}

/** How far the sweep of one refresh has come. */
interface Steps {
  /** The last token of the chunks that were cancelled in this round. */
  after: string | undefined;
}

/** When a refresh is due whose chunks are as they should be: at the latest end of its pause, or when it begins. */
const AFTER_PAUSING = sql`
  case when paused_at is not null then paused_at + ${MAX_PAUSE} when begun_at is null then not_before end`;

function shouldBePaused({ isPaused, isScheduled }: SweepState): boolean {
  return isPaused || isScheduled;
}

/** null: it is completed, or does not exist any more. */
async function readState(em: EntityManager, refreshId: string): Promise<SweepState | null> {
  const { rows } = await sql<SweepState>`
    select paused_at is not null as "isPaused", cancelled_at is not null as "isCancelled",
      not_before is not null and begun_at is null as "isScheduled",
      not_before <= now() and begun_at is null as "isDue",
      coalesce(paused_at <= now() - ${MAX_PAUSE}, false) as "isPausedTooLong"
    from nft_metadata.refreshes where id = ${refreshId}::uuid and completed_at is null`.execute(em.getKysely());
  return rows[0] ?? null;
}

async function schedule(em: EntityManager, refreshId: string, dueAt: RawBuilder<unknown>): Promise<void> {
  await sql`
    update nft_metadata.refreshes set sweep_due_at = ${dueAt}
    where id = ${refreshId}::uuid and completed_at is null`.execute(em.getKysely());
}
