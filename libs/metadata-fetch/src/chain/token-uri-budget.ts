import { Injectable } from '@nestjs/common';
import { LONGEST_URI } from '@app/metadata-uri';
import type { TokenUri } from '../uri/uri-rule.js';

/** In characters, of all contracts; each takes a byte, or two where there are any beyond Latin-1. */
const MOST_KEPT = 32 * 1024 * 1024;
/** Of one contract, so that it leaves room for others. */
const MOST_OF_ONE = MOST_KEPT / 2;
/** A token that was not fetched by then was handed back, and its URI is gone with it. In milliseconds. */
const KEPT_FOR_MS = 30_000;

/**
 * Bounds the memory of documents that contracts answer inside token URIs: from when they were asked for, many tokens at
 * once, until each is read. Other URIs are too short to be counted.
 */
@Injectable()
export class KeptTokenUris {
  /** The eldest first. */
  private readonly kept = new Map<TokenUri, { contract: string; until: number }>();

  /** Whether there is room for it; it is taken until `release`, or for half a minute. */
  keep(contract: string, uri: TokenUri): boolean {
    const { length } = uri.uri;
    if (length <= LONGEST_URI) return true;
    this.forgetOld();
    let [all, ofContract] = [length, length];
    for (const [{ uri: other }, keeper] of this.kept) {
      all += other.length;
      if (keeper.contract === contract) ofContract += other.length;
    }
    if (all > MOST_KEPT || ofContract > MOST_OF_ONE) return false;
    this.kept.set(uri, { contract, until: performance.now() + KEPT_FOR_MS });
    return true;
  }

  /** Its document was read. */
  release(uri: TokenUri): void {
    this.kept.delete(uri);
  }

  private forgetOld(): void {
    const now = performance.now();
    for (const [uri, { until }] of this.kept) {
      if (until > now) return;
      this.kept.delete(uri);
    }
  }
}
