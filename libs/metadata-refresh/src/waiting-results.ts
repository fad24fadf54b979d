import type { ItemResult } from './item-result.js';

/** A completion takes no further result once it has this much. */
const BATCH_BYTES = 1024 * 1024;
/** With so much waiting, nothing further should be fetched. */
const MOST_BYTES = 4 * 1024 * 1024;

/** Results that are not written yet, in order, with the size of their documents. */
export class WaitingResults {
  /** By fetch: what one fetch has settled is written together. */
  private fetches: (readonly ItemResult[])[] = [];
  private bytes = 0;
  private results = 0;

  get count(): number {
    return this.results;
  }

  /** Documents of megabytes are waiting: what a host sends shall not fill the memory. */
  get isHeavy(): boolean {
    return this.bytes > MOST_BYTES;
  }

  add(results: readonly ItemResult[]): void {
    this.fetches.push(results);
    this.results += results.length;
    this.bytes += bytesOf(results);
  }

  /**
   * As many as one completion may have, and as many bytes: a document of megabytes is nearly one of its own. More only
   * if one fetch alone has settled more.
   */
  take(most: number): ItemResult[] {
    let [bytes, results, fetches] = [0, 0, 0];
    for (const fetched of this.fetches) {
      if (results > 0 && (results + fetched.length > most || bytes >= BATCH_BYTES)) break;
      bytes += bytesOf(fetched);
      results += fetched.length;
      fetches += 1;
    }
    this.bytes -= bytes;
    this.results -= results;
    return this.fetches.splice(0, fetches).flat();
  }

  /** They could not be written. */
  putBack(results: readonly ItemResult[]): void {
    this.fetches.unshift(results);
    this.results += results.length;
    this.bytes += bytesOf(results);
  }
}

/** The first result of a fetch says what was received. */
function bytesOf(results: readonly ItemResult[]): number {
  return results.reduce((sum, { requests }) => sum + (requests.at(-1)?.bytes ?? 0), 0);
}
