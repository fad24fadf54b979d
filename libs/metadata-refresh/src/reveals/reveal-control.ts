import { inTransaction } from '@app/database';
import { EntityManager } from '@mikro-orm/postgresql';
import { ModuleLogger } from '@app/logging';
import { Inject, Injectable } from '@nestjs/common';
import { sql, type RawBuilder } from 'kysely';
import { KeyedMutex } from '../keyed-mutex.js';
import { InvalidHold } from '../metadata-refresh.errors.js';
import { keepsDocuments, METADATA_REFRESH_CONFIG, type MetadataRefreshConfig } from '../metadata-refresh.options.js';
import type { Admission } from '../control/refresh-control.js';
import { findBusyReveal, lockReveals } from './open-reveals.js';
import { RevealReader, type RevealRow } from './reveal-reader.js';
import { RevealSweep } from './reveal-sweep.js';
import { requiredTokens, type PublishOptions, type RevealReference, type RevertOptions } from './reveal.js';
import { checkMinSucceeded, checkTime } from './reveal-plan.js';
import { RevealEnded, RevealInProgress, RevealNotReady, RevealNotRevertible } from './reveals.errors.js';

/** What is set. */
type Change = RawBuilder<unknown>;

/** Decides about reveals: each decision is one update of a row, and RevealSweep does what follows from it. */
@Injectable()
export class RevealControl {
  private readonly logger = new ModuleLogger('MetadataRefresh');
  /** Calls for one reveal wait for its row anyhow; here they wait without a connection, which others need. */
  private readonly byReveal = new KeyedMutex();

  constructor(
    private readonly em: EntityManager,
    private readonly reader: RevealReader,
    private readonly sweep: RevealSweep,
    @Inject(METADATA_REFRESH_CONFIG) private readonly config: Pick<MetadataRefreshConfig, 'keepVersions'>,
  ) {}

  /** Throws RevealNotFound, RevealEnded. */
  async cancel(reference: RevealReference, admit?: Admission): Promise<void> {
    await this.change('reveal cancelled', reference, admit, (reveal) => {
      if (reveal.state === 'cancelled') return null;
      if (reveal.state !== 'staging' && reveal.state !== 'staged') throw new RevealEnded(reveal);
      return sql`state = 'cancelled', ended_at = now(), due_at = now()`;
    });
  }

  /**
   * Without a time, RevealSweep publishes it from now on. A reveal that is published or is being published does not change. Throws
   * RevealNotFound, RevealEnded, RevealNotReady, InvalidReveal.
   */
  async publish(reference: RevealReference, { at, minSucceeded }: PublishOptions, admit?: Admission): Promise<void> {
    if (minSucceeded !== undefined) checkMinSucceeded(minSucceeded);
    const msg = at ? 'reveal publication scheduled' : 'reveal publication requested';
    await this.change(msg, reference, admit, (stored) => {
      if (stored.state === 'published' || stored.state === 'publishing') return null;
      if (stored.state !== 'staging' && stored.state !== 'staged') throw new RevealEnded(stored);
      const reveal = { ...stored, minSucceeded: minSucceeded ?? stored.minSucceeded };
      const changes = sql`min_succeeded = ${reveal.minSucceeded}::numeric, blocked_at = null, blocked_reason = null`;
      if (at) {
        checkTime(at, stored);
        return sql`${changes}, publish = 'at', publish_at = ${at.toISOString()}::timestamptz, due_at = ${at.toISOString()}::timestamptz`;
      }
      if (reveal.pending > 0 || reveal.staged < requiredTokens(reveal)) throw new RevealNotReady(reveal);
      return sql`${changes}, job = 'publish', due_at = now()`;
    });
  }

  /**
   * RevealSweep reverts it from now on. A reveal that is reverted or is being reverted does not change. Throws RevealNotFound,
   * RevealNotRevertible, RevealInProgress, InvalidHold.
   */
  async revert(reference: RevealReference, { holdUntil }: RevertOptions, admit?: Admission): Promise<void> {
    await this.change('reveal revert requested', reference, admit, async (reveal, em) => {
      if (reveal.state === 'reverted' || reveal.state === 'reverting') return null;
      if (reveal.state !== 'published') throw RevealNotRevertible.notPublished(reveal);
      if (!keepsDocuments(this.config)) throw RevealNotRevertible.withoutVersions(reveal, this.config.keepVersions);
      if (reveal.outcome?.updated === 0) throw RevealNotRevertible.withoutChanges(reveal);
      if (holdUntil instanceof Date && holdUntil.getTime() <= Date.parse(reveal.now)) throw new InvalidHold(holdUntil);
      // What it has staged would be older than the restored records, and publishing it would change nothing.
      await lockReveals(em, reveal.collectionId);
      const busy = await findBusyReveal(em, reveal.collectionId);
      if (busy) throw new RevealInProgress(reveal.collectionAddress, busy.id, busy.isReverting);
      const end = holdUntil instanceof Date ? holdUntil.toISOString() : holdUntil && 'infinity';
      return sql`job = 'revert', due_at = now(), failures = 0, blocked_at = null, blocked_reason = null,
        revert_hold_until = ${end ?? null}::timestamptz`;
    });
  }

  /** `decide` returns the columns to set, or null for no change. */
  private async change(
    msg: string,
    reference: RevealReference,
    admit: Admission | undefined,
    decide: (reveal: RevealRow, em: EntityManager) => Change | null | Promise<Change | null>,
  ): Promise<void> {
    const changed = await this.byReveal
      .runExclusive(reference.revealId, () =>
        inTransaction(this.em, async (em) => {
          const reveal = await this.reader.lock(em, reference);
          const changes = await decide(reveal, em);
          if (changes)
            await sql`update nft_metadata.reveals set ${changes} where id = ${reveal.id}::uuid`.execute(em.getKysely());
          await admit?.(em);
          return changes ? reveal : null;
        }),
      )
      // Also without a change: a pass does not see a reveal that is locked, and nobody else would wake it.
      .finally(() => this.sweep.wake());
    if (!changed) return;
    const { id: revealId, projectId, collectionAddress } = changed;
    this.logger.log({ msg, revealId, projectId, collectionAddress });
  }
}
