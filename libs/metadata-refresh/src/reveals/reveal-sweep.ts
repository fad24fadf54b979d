import { describeDatabaseError, inTransaction } from '@app/database';
import { StagingStore } from '@app/token-store';
import { EntityManager } from '@mikro-orm/postgresql';
import { ModuleLogger } from '@app/logging';
import { Injectable, Optional, type BeforeApplicationShutdown } from '@nestjs/common';
import { sql, type RawBuilder } from 'kysely';
import { BackgroundPass } from '../background-pass.js';
import { EventOutbox } from '../event-outbox.js';
import { RefreshAlreadyCompleted, RefreshNotFound } from '../metadata-refresh.errors.js';
import { RefreshControl } from '../control/refresh-control.js';
import { RevealPublication } from './reveal-publication.js';
import { lockReveal, type RevealRow } from './reveal-reader.js';
import { RevealReversion } from './reveal-reversion.js';
import type { BlockedReason } from './reveal.js';

/**
 * A process that dies leaves its reveal to others after this time. Nothing renews it: a publication or a revert that takes longer has a lock
 * of its own.
 */
const LEASE = sql`interval '10 seconds'`;
/** The next look at a reveal whose tokens are still held by workers. */
const NEXT_LOOK = sql`interval '1 second'`;
/** Staged documents that one statement deletes. */
const DELETE_BATCH_SIZE = 1000;

/** Failures of a publication or a revert in a row, after which it is given up. */
const MAX_FAILURES = 5;

/**
 * Works on due reveals: publishes and reverts them, reports those that cannot be published, lets them expire, and deletes the documents
 * of those that have ended. Any process may run it, and several may at the same time: `reveals.due_at` says which reveals are due, and
 * a process that works on one moves it ahead for a few seconds. So a process that dies leaves its work to the next one. Without such
 * reveals, a pass is one look into an index.
 */
@Injectable()
export class RevealSweep implements BeforeApplicationShutdown {
  private readonly logger = new ModuleLogger('MetadataRefresh');
  private readonly background = new BackgroundPass(
    () => this.pass(),
    (error) => this.logger.warn({ msg: 'reveal sweep failed', error: describeDatabaseError(error) }),
  );

  constructor(
    private readonly em: EntityManager,
    private readonly staging: StagingStore,
    private readonly refreshes: RefreshControl,
    private readonly publication: RevealPublication,
    private readonly reversion: RevealReversion,
    @Optional() private readonly outbox?: EventOutbox,
  ) {}

  /** Works on due reveals in the background. Logs errors: another process, or the next call, continues. */
  wake(): void {
    this.background.wake();
  }

  /** The same, at most once a second. */
  poll(): void {
    this.background.poll();
  }

  /** Works until nothing is due. Throws database errors. */
  continueDue(): Promise<void> {
    return this.background.run();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.background.stop();
  }

  /** Takes one reveal at a time, so that none waits for this process while another one could work on it. */
  private async pass(): Promise<void> {
    while (!this.background.isStopped) {
      const id = await this.take();
      if (id === null) return;
      await this.step(id);
    }
  }

  private async take(): Promise<string | null> {
    const { rows } = await sql<{ id: string }>`
      update nft_metadata.reveals set due_at = now() + ${LEASE}
      where id = (
        select id from nft_metadata.reveals
        where due_at <= now()
        order by due_at
        limit 1
        for no key update skip locked
      )
      returning id`.execute(this.em.fork().getKysely());
    return rows[0]?.id ?? null;
  }

  private async step(revealId: string): Promise<void> {
    const decided = await inTransaction(this.em, (em) => this.decide(em, revealId));
    if (!decided) return;
    await (decided.job === null ? this.clear(decided) : this.work(decided, decided.job));
  }

  /**
   * Returns a reveal that has a job now, or that has ended. A completion that changes what is read here locks the row late: it is
   * either seen, or makes the reveal due again afterwards.
   */
  private async decide(em: EntityManager, revealId: string): Promise<RevealRow | null> {
    const reveal = await lockReveal(em, { revealId });
    if (!reveal || reveal.endedAt !== null || reveal.job !== null) return reveal;
    if (reveal.state === 'expired') return this.expire(em, reveal);
    if (reveal.state === 'publishing') return this.beginPublication(em, reveal);
    if (isPublicationDue(reveal)) {
      if (reveal.isReady) return this.beginPublication(em, reveal);
      await this.block(em, reveal, reveal.pending > 0 ? 'pending' : 'not_enough_staged');
    }
    await set(em, reveal, sql`due_at = case when publish_at > now() then publish_at else expires_at end`);
    return null;
  }

  private async beginPublication(em: EntityManager, reveal: RevealRow): Promise<RevealRow> {
    await set(em, reveal, sql`job = 'publish'`);
    return { ...reveal, job: 'publish' };
  }

  /** When it is done, the reveal is due at once, to be cleared. If not, or if the process dies, it is due when its lease is over. */
  private async work(reveal: RevealRow, job: NonNullable<RevealRow['job']>): Promise<void> {
    try {
      await (job === 'publish' ? this.publication.publish(reveal.id) : this.reversion.revert(reveal.id));
    } catch (error) {
      const { id: revealId, projectId, collectionAddress } = reveal;
      const description = describeDatabaseError(error);
      const msg = job === 'publish' ? 'reveal publication failed' : 'reveal revert failed';
      this.logger.error({ msg, revealId, projectId, collectionAddress, error: description });
      await inTransaction(this.em, (em) => this.countFailure(em, revealId));
    }
  }

  /** Of an error that lasts, it must not keep the collection from being refreshed. */
  private async countFailure(em: EntityManager, revealId: string): Promise<void> {
    const reveal = await lockReveal(em, { revealId });
    if (!reveal || reveal.job === null) return;
    const isGivenUp = reveal.failures + 1 >= MAX_FAILURES;
    if (!isGivenUp) return set(em, reveal, sql`failures = failures + 1`);
    const next =
      reveal.job === 'publish' ? sql`publish = 'manual', publish_at = null, due_at = expires_at` : sql`due_at = now()`;
    await set(em, reveal, sql`failures = 0, job = null, ${next}`);
    await this.block(em, reveal, 'failed');
  }

  /** Tells once for each reason. */
  private async block(em: EntityManager, reveal: RevealRow, reason: BlockedReason): Promise<void> {
    if (reveal.blocked?.reason === reason) return;
    await set(em, reveal, sql`blocked_at = now(), blocked_reason = ${reason}`);
    const { id: revealId, refreshId, projectId, collectionId, collectionAddress, minSucceeded } = reveal;
    const { total, staged, failed, pending } = reveal;
    const event = {
      revealId,
      refreshId,
      projectId,
      collectionId,
      total,
      staged,
      failed,
      pending,
      minSucceeded,
      reason,
    };
    await this.outbox?.add(em, { reveals: [{ type: 'reveal.blocked', ...event }] });
    this.logger.warn({
      msg: 'reveal blocked',
      revealId,
      projectId,
      collectionAddress,
      reason,
      total,
      staged,
      failed,
      pending,
    });
  }

  private async expire(em: EntityManager, reveal: RevealRow): Promise<RevealRow> {
    await set(em, reveal, sql`state = 'expired', ended_at = now()`);
    const { id: revealId, projectId, collectionAddress } = reveal;
    this.logger.log({ msg: 'reveal expired', revealId, projectId, collectionAddress });
    return { ...reveal, endedAt: reveal.now };
  }

  /**
   * Ends what is left of a reveal that has ended: its pending tokens, then its documents, and what a revert needed. After one batch, it is due again,
   * behind what is due already.
   */
  private async clear(reveal: RevealRow): Promise<void> {
    const { id, pending, state } = reveal;
    if (pending > 0) await this.cancelRefreshes(id);
    let deleted = await this.staging.deleteStaged(id, DELETE_BATCH_SIZE);
    if (state === 'reverted') deleted += await this.staging.deleteRevealed(id, DELETE_BATCH_SIZE);
    const isDone = deleted === 0 && pending === 0;
    // Nothing is staged from its end on, but transactions may have begun before.
    const next = isDone ? sql`null` : deleted > 0 ? sql`now()` : sql`now() + ${NEXT_LOOK}`;
    // A revert may have been requested meanwhile: it stays due.
    await set(this.em.fork(), reveal, sql`due_at = case when job is null then ${next} else due_at end`);
  }

  private async cancelRefreshes(revealId: string): Promise<void> {
    const { rows } = await sql<{ refreshId: string }>`
      select id as "refreshId" from nft_metadata.refreshes
      where reveal_id = ${revealId}::uuid and completed_at is null and cancelled_at is null`.execute(
      this.em.fork().getKysely(),
    );
    for (const refresh of rows) await this.refreshes.cancel(refresh).catch(ignoreEnded);
  }
}

function isPublicationDue({ publish, pending, isPublishDue }: RevealRow): boolean {
  return publish === 'when_complete' ? pending === 0 : isPublishDue;
}

async function set(em: EntityManager, { id }: RevealRow, changes: RawBuilder<unknown>): Promise<void> {
  await sql`update nft_metadata.reveals set ${changes} where id = ${id}::uuid`.execute(em.getKysely());
}

function ignoreEnded(error: unknown): void {
  if (!(error instanceof RefreshAlreadyCompleted) && !(error instanceof RefreshNotFound)) throw error;
}
