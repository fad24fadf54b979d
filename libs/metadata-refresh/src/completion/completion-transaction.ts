import { EntityManager } from '@mikro-orm/postgresql';
import { inTransaction } from '@app/database';
import { ModuleLogger } from '@app/logging';
import { Injectable, Optional } from '@nestjs/common';
import { insertAttempts, insertResults, removeFromChunks, type FinalToken } from './chunk-results.js';
import { tryShareContents } from './content-lock.js';
import { EventOutbox } from '../event-outbox.js';
import type { ItemResult } from './item-result.js';
import { countResults, type RefreshProgress } from './refresh-progress.js';
import { traceCompletions, traceSettlement } from '../refresh-trace.js';
import { ResultCounts } from '../metrics/result-counts.js';
import { doDeferred } from '../retried-transaction.js';
import { RevealStaging } from '../reveals/reveal-staging.js';
import { toAttempts, toFinishedToken, toResultCount, toStagedToken } from './finished-token.js';
import { RecordWrites } from './record-writes.js';

/**
 * Writes a batch of results in one transaction. The order of its locks: the shared lock on the content of each collection, token
 * records with their documents, attempts, chunks, results and errors, trait counts, the refreshes' counters, the outbox. Locks are taken in
 * this order everywhere, each by key: this prevents deadlocks, and the row with the most contention is locked for the shortest time.
 *
 * The chunks are the fence: when one of them is no longer claimed by this worker, everything is rolled back.
 */
@Injectable()
export class CompletionTransaction {
  private readonly logger = new ModuleLogger('MetadataRefresh');

  constructor(
    private readonly em: EntityManager,
    private readonly records: RecordWrites,
    private readonly staging: RevealStaging,
    private readonly resultCounts: ResultCounts,
    @Optional() private readonly outbox?: EventOutbox,
  ) {}

  /**
   * @throws ClaimLost: some tokens are no longer claimed by this worker
   * @throws ContentLocked: the records of some collections are being replaced together
   */
  async run(results: readonly ItemResult[]): Promise<void> {
    const startedAt = Date.now();
    const records = await this.records.prepare(results.filter(({ token }) => token.revealId === undefined));
    const documents = await this.staging.prepare(results);
    const { progress, counted } = await inTransaction(this.em, async (em) => {
      await shareContents(em, results);
      const { written, changes, late } = await this.records.write(em, records);
      const staged = await this.staging.stage(em, documents);
      const finished = results.map((result) =>
        result.token.revealId === undefined
          ? toFinishedToken(result, written.get(result.token))
          : toStagedToken(result, result.token.revealId, staged),
      );
      await insertAttempts(em, results.flatMap(toAttempts));
      if (!(await removeFromChunks(em, finished))) throw new ClaimLost();
      const final = finished.filter((token): token is FinalToken => token.kind === 'final');
      await insertResults(em, final);
      await doDeferred(late);
      const ended = final.map(toResultCount);
      const counts = await countResults(em, ended);
      await this.staging.count(em, staged);
      // After the records are locked, so that the events of one token get ids in order.
      await this.outbox?.add(em, { changes, completions: counts.filter(({ completed }) => completed) });
      return { progress: counts, counted: ended };
    });
    this.resultCounts.add(counted);
    this.resultCounts.addCompleted(progress);
    traceSettlement(results, startedAt);
    traceCompletions(progress);
    this.outbox?.announce();
    this.logCompleted(progress);
  }

  private logCompleted(progress: readonly RefreshProgress[]): void {
    for (const { completed, revealId: _, traceparent: __, ...fields } of progress) {
      if (completed) this.logger.log({ msg: 'refresh completed', ...fields });
    }
  }
}

/** Some tokens of the batch are no longer claimed by this worker. */
export class ClaimLost extends Error {}

/** The records of some collections of the batch are being replaced together. */
export class ContentLocked extends Error {
  constructor(
    /** The other collections. */
    readonly free: ReadonlySet<string>,
  ) {
    super();
  }
}

/** Before any row is locked. Throws ContentLocked. */
async function shareContents(em: EntityManager, results: readonly ItemResult[]): Promise<void> {
  const collectionIds = new Set(results.map(({ token }) => token.collectionId));
  const free = await tryShareContents(em, [...collectionIds]);
  if (free.size < collectionIds.size) throw new ContentLocked(free);
}
