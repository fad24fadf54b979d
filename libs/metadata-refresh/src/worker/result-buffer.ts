import type { ItemResult } from '../completion/item-result.js';

/** A batch takes no further result once it has this many bytes. */
const BATCH_BYTES = 1024 * 1024;
/** With more bytes than this waiting or being written, nothing further should be fetched. */
const MAX_BYTES = 4 * 1024 * 1024;

interface FetchResults {
  results: readonly ItemResult[];
  since: number;
}

/** Results that are not written yet, in order, with the size of their documents. */
export class ResultBuffer {
  /** By fetch: the results of one fetch are written together, unless they are more than a batch may have. */
  private fetches: FetchResults[] = [];
  private results = 0;
  private bytes = 0;
  private bytesBeingWritten = 0;

  get count(): number {
    return this.results;
  }

  /** Bounds the memory of large documents: nothing further should be fetched. */
  get isBackpressured(): boolean {
    return this.bytes + this.bytesBeingWritten > MAX_BYTES;
  }

  /** Whether there is enough for a full batch. */
  isFull(maxResults: number): boolean {
    return this.results >= maxResults || this.bytes >= BATCH_BYTES;
  }

  /** When the oldest result was added, on the clock of `add`. */
  get waitingSince(): number {
    return this.fetches[0]?.since ?? Infinity;
  }

  add(results: readonly ItemResult[], now: number): void {
    this.fetches.push({ results, since: now });
    this.results += results.length;
    this.bytes += bytesOf(results);
  }

  /** Removes and returns the next batch: at most `maxResults` results, and about BATCH_BYTES. */
  take(maxResults: number): ItemResult[] {
    const batch: ItemResult[] = [];
    let bytes = 0;
    while (this.fetches.length > 0 && bytes < BATCH_BYTES) {
      const { results, since } = this.fetches[0]!;
      const free = maxResults - batch.length;
      if (results.length > free && batch.length > 0) break;
      const part = results.slice(0, free);
      bytes += bytesOf(part);
      batch.push(...part);
      if (results.length > free) this.fetches[0] = { results: results.slice(free), since };
      else this.fetches.shift();
    }
    this.results -= batch.length;
    this.bytes -= bytes;
    this.bytesBeingWritten += bytes;
    return batch;
  }

  /** A batch from `take` is written. */
  acknowledge(batch: readonly ItemResult[]): void {
    this.bytesBeingWritten -= bytesOf(batch);
  }

  /** A batch from `take` could not be written: it comes first in the next batch. */
  putBack(batch: readonly ItemResult[]): void {
    this.fetches.unshift({ results: batch, since: -Infinity });
    this.results += batch.length;
    this.bytes += bytesOf(batch);
    this.bytesBeingWritten -= bytesOf(batch);
  }
}

function bytesOf(results: readonly ItemResult[]): number {
  return results.reduce((sum, { requests }) => sum + (requests.at(-1)?.bytes ?? 0), 0);
}
