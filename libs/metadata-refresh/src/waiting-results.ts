import type { ItemResult } from './item-result.js';

/** A completion takes no further result once it has this much. */
const BATCH_BYTES = 1024 * 1024;
/** With so much waiting, nothing further should be fetched. */
const MOST_BYTES = 4 * 1024 * 1024;

/** Results that are not written yet, in order, with the size of their documents. */
export class WaitingResults {
  private results: ItemResult[] = [];
  private bytes = 0;

  get count(): number {
    return this.results.length;
  }

  /** Documents of megabytes are waiting: what a host sends shall not fill the memory. */
  get isHeavy(): boolean {
    return this.bytes > MOST_BYTES;
  }

  add(results: readonly ItemResult[]): void {
    this.results.push(...results);
    for (const result of results) this.bytes += bytesOf(result);
  }

  /** As many as one completion may have, and as many bytes: a document of megabytes is nearly one of its own. */
  take(most: number): ItemResult[] {
    let bytes = 0;
    let count = 0;
    while (count < this.results.length && count < most && bytes < BATCH_BYTES) {
      bytes += bytesOf(this.results[count]!);
      count += 1;
    }
    this.bytes -= bytes;
    return this.results.splice(0, count);
  }

  /** They could not be written. */
  putBack(results: readonly ItemResult[]): void {
    this.results.unshift(...results);
    for (const result of results) this.bytes += bytesOf(result);
  }
}

function bytesOf({ requests }: ItemResult): number {
  return requests.at(-1)?.bytes ?? 0;
}
