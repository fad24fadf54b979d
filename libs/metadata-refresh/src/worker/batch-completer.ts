import type { BulkPause } from '../queue/bulk-pause.js';
import type { ClaimedToken } from '../queue/claimed-token.js';
import type { ItemResult } from '../completion/item-result.js';
import type { MetadataRefreshConfig } from '../metadata-refresh.options.js';
import type { Completion } from '../completion/completion.js';
import type { CompletionKind, WorkerMetrics } from '../metrics/worker-metrics.js';
import type { DatabaseErrors } from './database-errors.js';
import { ResultBatcher } from './result-batcher.js';

/** Two, so that the database is not idle while the next batch is assembled, nor this process while one is written. */
const MAX_CONCURRENT_BATCHES = 2;
/** Maximum of a bulk claim or batch while interactive refreshes are processed: a running statement cannot be paused. */
const MAX_BATCH_BESIDE_INTERACTIVE = 128;
/** How long results of interactive requests wait for a full batch, in milliseconds. */
const INTERACTIVE_LINGER_MS = 20;

/** What the completer asks and tells the rest of the worker. */
interface Worker {
  isRunning(): boolean;
  /** Whether tokens are claimed whose results are not known yet. */
  hasTokens(): boolean;
  hasInteractiveTokens(): boolean;
  onWritten(): void;
}

/**
 * The last step: writes results in batches, each in one transaction (`Completion`), when one is full or its first result has
 * waited long enough. Results of interactive requests have batches of their own, so that they do not wait for others. Bulk work
 * pauses for them (`BulkPause`), but only while bulk batches are full: then this process or its database is the bottleneck.
 * While it waits for hosts, it has time for both.
 */
export class BatchCompleter {
  private readonly interactive: ResultBatcher;
  private readonly bulk: ResultBatcher;

  constructor(
    completion: Pick<Completion, 'complete'>,
    private readonly bulkPause: BulkPause,
    private readonly database: DatabaseErrors,
    private readonly metrics: WorkerMetrics,
    { completeBatchSize, completeLingerMs }: Pick<MetadataRefreshConfig, 'completeBatchSize' | 'completeLingerMs'>,
    private readonly worker: Worker,
  ) {
    const write = (kind: CompletionKind) => async (batch: readonly ItemResult[]) => {
      const startedAt = performance.now();
      await completion.complete(batch);
      this.metrics.recordCompletion(kind, performance.now() - startedAt, batch.length);
    };
    const onError = (error: unknown) => database.recordFailure('writing results failed', error);
    this.interactive = new ResultBatcher(
      { completeLingerMs: Math.min(completeLingerMs, INTERACTIVE_LINGER_MS) },
      {
        write: write('interactive'),
        onError,
        limits: () => ({ batchSize: completeBatchSize, maxConcurrentBatches: 1 }),
        isLast: () => !worker.hasInteractiveTokens(),
        backoffMs: () => this.backoffMs(),
        onWritten: () => this.onInteractiveWritten(),
      },
    );
    this.bulk = new ResultBatcher(
      { completeLingerMs },
      {
        write: write('bulk'),
        onError,
        limits: () => ({
          batchSize: this.limitBulk(completeBatchSize),
          maxConcurrentBatches: bulkPause.isRecent() ? 1 : MAX_CONCURRENT_BATCHES,
        }),
        isLast: () => !worker.hasTokens(),
        backoffMs: () => Math.max(this.backoffMs(), this.pauseMs()),
        onWritten: () => this.onWritten(),
      },
    );
  }

  add({ priority }: ClaimedToken, results: readonly ItemResult[]): void {
    (priority === 0 ? this.interactive : this.bulk).add(results);
  }

  /** Writes the batches that need not linger any longer; with `isDue`, all of them. */
  flush(isDue = false): void {
    this.interactive.flush(isDue);
    this.bulk.flush(isDue);
  }

  /** Results that are not written are lost to this worker: their tokens are due again when the lease expires. */
  stop(): void {
    this.interactive.stop();
    this.bulk.stop();
  }

  /** Whether everything is written. */
  get isIdle(): boolean {
    return this.interactive.isIdle && this.bulk.isIdle;
  }

  /** Whether so many bulk results are waiting that no further bulk token should be fetched. */
  get isBackpressured(): boolean {
    return this.bulk.isBackpressured;
  }

  get isInteractiveBackpressured(): boolean {
    return this.interactive.isBackpressured;
  }

  /** Remaining time of a pause of bulk work, in milliseconds; 0 without one. */
  pauseMs(now = performance.now()): number {
    const remainingMs = this.bulkPause.remainingMs(now);
    if (remainingMs === 0 || !this.bulk.isSaturated(now) || !this.worker.isRunning()) return 0;
    return this.worker.hasTokens() || !this.bulk.isIdle ? remainingMs : 0;
  }

  /** The size of a bulk claim or batch: smaller while interactive refreshes are processed. */
  limitBulk(batchSize: number): number {
    return this.bulkPause.isRecent() ? Math.min(batchSize, MAX_BATCH_BESIDE_INTERACTIVE) : batchSize;
  }

  /** A worker that stops does not wait for the database: it tries once more. */
  private backoffMs(): number {
    return this.worker.isRunning() ? this.database.backoffMs : 0;
  }

  private onInteractiveWritten(): void {
    if (!this.worker.hasInteractiveTokens() && this.interactive.isIdle) this.bulkPause.end();
    this.onWritten();
  }

  private onWritten(): void {
    this.database.recordSuccess('writing results failed');
    this.worker.onWritten();
  }
}
