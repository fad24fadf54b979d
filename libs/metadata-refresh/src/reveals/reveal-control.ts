import { inTransaction } from '@app/database';
import { EntityManager } from '@mikro-orm/postgresql';
import { ModuleLogger } from '@app/logging';
import { Injectable } from '@nestjs/common';
import { sql, type RawBuilder } from 'kysely';
import { KeyedMutex } from '../keyed-mutex.js';
import type { Admission } from '../refresh-control.js';
import { RevealReader, type RevealRow } from './reveal-reader.js';
import { RevealSweep } from './reveal-sweep.js';
import { requiredTokens, type PublishOptions, type RevealReference } from './reveal.js';
import { checkMinSucceeded, checkTime } from './reveal-plan.js';
import { RevealEnded, RevealNotReady } from './reveals.errors.js';

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
    const msg = at ? 'publication of reveal scheduled' : 'publication of reveal requested';
    await this.change(msg, reference, admit, (stored) => {
      if (stored.state === 'published' || stored.state === 'publishing') return null;
      if (stored.state === 'cancelled' || stored.state === 'expired') throw new RevealEnded(stored);
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

  /** `decide` returns what is set, or null when nothing is to be changed. */
  private async change(
    msg: string,
    reference: RevealReference,
    admit: Admission | undefined,
    decide: (reveal: RevealRow) => RawBuilder<unknown> | null,
  ): Promise<void> {
    const changed = await this.byReveal.runExclusive(reference.revealId, () =>
      inTransaction(this.em, async (em) => {
        const reveal = await this.reader.lock(em, reference);
        const changes = decide(reveal);
        if (changes)
          await sql`update nft_metadata.reveals set ${changes} where id = ${reveal.id}::uuid`.execute(em.getKysely());
        await admit?.(em);
        return changes ? reveal : null;
      }),
    );
    if (!changed) return;
    const { id: revealId, projectId, collectionAddress } = changed;
    this.logger.log({ msg, revealId, projectId, collectionAddress });
    this.sweep.wake();
  }
}
