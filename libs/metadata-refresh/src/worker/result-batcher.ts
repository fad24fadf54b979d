import type { ItemResult } from '../completion/item-result.js';
import type { MetadataRefreshConfig } from '../metadata-refresh.options.js';
import { ResultBuffer } from './result-buffer.js';

/** Enough that there is always a next batch to write, and few enough that the last result does not wait long. */
const MAX_WAITING_BATCHES = 2;
/** For this long after a full batch, the next batches are expected to be full as well. In milliseconds. */
const SATURATED_MS = 2000;

interface Callbacks {
  write(batch: readonly ItemResult[]): Promise<void>;
  /** Results in one batch, and batches that may be written concurrently. */
  limits(): { batchSize: number; maxConcurrentBatches: number };
  /** Whether no work in progress can add further results. */
  isLast(): boolean;
  /** Remaining back-off of the database, in milliseconds. */
  backoffMs(): number;
  onWritten(): void;
  onError(error: unknown): void;
}

/**
 * Writes results in batches. A batch is written when it is full, when no further results are expected, or when its first
 * result has lingered long enough. A batch that could not be written is kept until the database is available again; if
 * that is after the lease, the fencing token rejects it.
 */
export class ResultBatcher {
  private readonly results = new ResultBuffer();
  private batches = 0;
  private fullBatchAt = -Infinity;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly config: Pick<MetadataRefreshConfig, 'completeLingerMs'>,
    private readonly callbacks: Callbacks,
  ) {}

  /** Whether everything is written. */
  get isIdle(): boolean {
    return this.results.count === 0 && this.batches === 0;
  }

  /** Whether so many results are waiting that nothing further should be fetched. */
  get isBackpressured(): boolean {
    return this.results.isBackpressured || this.results.count > this.callbacks.limits().batchSize * MAX_WAITING_BATCHES;
  }

  /** Whether batches are full: this process and its database are the bottleneck, not the hosts. */
  isSaturated(now = performance.now()): boolean {
    return now - this.fullBatchAt < SATURATED_MS;
  }

  add(results: readonly ItemResult[]): void {
    this.results.add(results, performance.now());
    this.flush();
  }

  /** Writes the batches that need not linger any longer; with `isDue`, all of them. */
  flush(isDue = false): void {
    const { batchSize, maxConcurrentBatches } = this.callbacks.limits();
    while (this.results.count > 0 && this.batches < maxConcurrentBatches) {
      const isFull = this.results.isFull(batchSize);
      // Cheap checks first: this runs for each result.
      const waitMs = (isDue || isFull ? 0 : this.lingerMs()) || this.callbacks.backoffMs();
      if (waitMs > 0) return this.flushLater(waitMs);
      if (isFull) this.fullBatchAt = performance.now();
      void this.write(this.results.take(batchSize));
    }
    if (this.results.count === 0) this.cancelTimer();
  }

  /** Results that could not be written are lost to this worker: their tokens are due again when the lease expires. */
  stop(): void {
    this.cancelTimer();
  }

  /** How long to wait for further results. */
  private lingerMs(): number {
    if (this.callbacks.isLast()) return 0;
    return Math.max(0, this.results.waitingSince + this.config.completeLingerMs - performance.now());
  }

  private flushLater(milliseconds: number): void {
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      this.flush();
    }, Math.ceil(milliseconds));
  }

  private cancelTimer(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  private async write(batch: readonly ItemResult[]): Promise<void> {
    this.batches += 1;
    try {
      await this.callbacks.write(batch);
    } catch (error) {
      this.batches -= 1;
      this.results.putBack(batch);
      return this.callbacks.onError(error);
    }
    this.batches -= 1;
    this.results.acknowledge(batch);
    this.callbacks.onWritten();
    this.flush();
  }
}
