import type { ItemResult } from './item-result.js';
import type { MetadataRefreshConfig } from './metadata-refresh.options.js';
import { ResultBuffer } from './result-buffer.js';

/** More results need not wait: whoever writes always finds the next batch, and whoever comes last waits for few. */
const MAX_WAITING_BATCHES = 2;
/** So long after a full batch, the next ones are expected to be full, too. In milliseconds. */
const SATURATED_MS = 2000;

interface Callbacks {
  write(batch: readonly ItemResult[]): Promise<void>;
  /** Results that one batch may have, and batches that may be written at the same time. */
  limits(): { batchSize: number; batchesAtOnce: number };
  /** Nothing is under way that would bring further results. */
  isLast(): boolean;
  /** How long the database is to be left alone, in milliseconds. */
  restMs(): number;
  onWritten(): void;
  onError(error: unknown): void;
}

/**
 * The worker's third loop. Results wait for others until they are enough, the last ones, or have waited for long enough.
 * What could not be written is kept and written when the database is back; if that is after the lease, the fence refuses
 * it.
 */
export class BatchCompleter {
  private readonly results = new ResultBuffer();
  private batches = 0;
  private fullBatchAt = -Infinity;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly config: Pick<MetadataRefreshConfig, 'completeLingerMs'>,
    private readonly callbacks: Callbacks,
  ) {}

  /** Everything is written. */
  get isIdle(): boolean {
    return this.results.count === 0 && this.batches === 0;
  }

  /** So much is waiting that nothing further should be fetched. */
  get isBackpressured(): boolean {
    return this.results.isBackpressured || this.results.count > this.callbacks.limits().batchSize * MAX_WAITING_BATCHES;
  }

  /** Results come as fast as they can be written: this process and its database set the pace, and not the hosts. */
  get isSaturated(): boolean {
    return performance.now() - this.fullBatchAt < SATURATED_MS;
  }

  add(results: readonly ItemResult[]): void {
    this.results.add(results, performance.now());
    this.flush();
  }

  /** Write what need not wait any longer; `isDue`: nothing has to. */
  flush(isDue = false): void {
    const { batchSize, batchesAtOnce } = this.callbacks.limits();
    if (this.results.count === 0 || this.batches >= batchesAtOnce) return;
    const waitMs = Math.max(this.callbacks.restMs(), isDue ? 0 : this.lingerMs());
    if (waitMs > 0) return this.flushLater(waitMs);
    if (this.results.isFull(batchSize)) this.fullBatchAt = performance.now();
    void this.write(this.results.take(batchSize));
    this.flush(isDue);
  }

  /** What could not be written is left to its lease. */
  stop(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  /** How long it is worth waiting for further results. */
  private lingerMs(): number {
    if (this.results.isFull(this.callbacks.limits().batchSize) || this.callbacks.isLast()) return 0;
    return this.results.waitingSince + this.config.completeLingerMs - performance.now();
  }

  private flushLater(milliseconds: number): void {
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      this.flush();
    }, Math.ceil(milliseconds));
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
