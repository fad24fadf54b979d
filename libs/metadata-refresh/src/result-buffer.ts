import type { ItemResult } from './item-result.js';

/** A completion takes no further result once it has this much. */
const BATCH_BYTES = 1024 * 1024;
/** With so much waiting or being written, nothing further should be fetched. */
const MOST_BYTES = 4 * 1024 * 1024;

interface Settled {
  results: readonly ItemResult[];
  since: number;
}

/** Results that are not written yet, in order, with the size of their documents. */
export class ResultBuffer {
  /** By fetch: what one fetch has settled is written together, unless it is more than a completion may have. */
  private fetches: Settled[] = [];
  private results = 0;
  private bytes = 0;
  private bytesBeingWritten = 0;

  get count(): number {
    return this.results;
  }

  /** Documents of megabytes are waiting: what a host sends shall not fill the memory. */
  get isBackpressured(): boolean {
    return this.bytes + this.bytesBeingWritten > MOST_BYTES;
  }

  /** Whether there is as much as one completion may have. */
  isFull(most: number): boolean {
    return this.results >= most || this.bytes >= BATCH_BYTES;
  }

  /** Since when the first one has been waiting, on the clock of `add`. */
  get waitingSince(): number {
    return this.fetches[0]?.since ?? Infinity;
  }

  add(results: readonly ItemResult[], now: number): void {
    this.fetches.push({ results, since: now });
    this.results += results.length;
    this.bytes += bytesOf(results);
  }

  /** As many as one completion may have, and as many bytes: a document of megabytes is nearly one of its own. */
  take(most: number): ItemResult[] {
    const batch: ItemResult[] = [];
    let bytes = 0;
    while (this.fetches.length > 0 && bytes < BATCH_BYTES) {
      const { results, since } = this.fetches[0]!;
      const room = most - batch.length;
      if (results.length > room && batch.length > 0) break;
      const part = results.slice(0, room);
      bytes += bytesOf(part);
      batch.push(...part);
      if (results.length > room) this.fetches[0] = { results: results.slice(room), since };
      else this.fetches.shift();
    }
    this.results -= batch.length;
    this.bytes -= bytes;
    this.bytesBeingWritten += bytes;
    return batch;
  }

  /** A batch that was taken is written. */
  acknowledge(batch: readonly ItemResult[]): void {
    this.bytesBeingWritten -= bytesOf(batch);
  }

  /** A batch that was taken could not be written. */
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
