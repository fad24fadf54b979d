import { Injectable } from '@nestjs/common';
import { MAX_URI_LENGTH } from '@app/metadata-uri';
import type { TokenUri } from '../uri/uri-rule.js';

/** In characters, of all contracts; each takes a byte, or two where there are any beyond Latin-1. */
const MAX_RESERVED = 32 * 1024 * 1024;
/** Of one contract, so that it leaves room for others. */
const MAX_RESERVED_PER_CONTRACT = MAX_RESERVED / 2;
/** A token that was not fetched by then was handed back, and its URI is gone with it. In milliseconds. */
const RESERVATION_TTL_MS = 30_000;

/**
 * Bounds the memory of documents that contracts answer inside token URIs: from when they were asked for, many tokens at
 * once, until each is read. Other URIs are too short to be counted.
 */
@Injectable()
export class TokenUriBudget {
  /** The eldest first. */
  private readonly kept = new Map<TokenUri, { contract: string; until: number }>();

  /** Whether there is room for it; it is taken until `release`, or for half a minute. */
  keep(contract: string, uri: TokenUri): boolean {
    const { length } = uri.uri;
    if (length <= MAX_URI_LENGTH) return true;
    this.forgetOld();
    let [all, ofContract] = [length, length];
    for (const [{ uri: other }, keeper] of this.kept) {
      all += other.length;
      if (keeper.contract === contract) ofContract += other.length;
    }
    if (all > MAX_RESERVED || ofContract > MAX_RESERVED_PER_CONTRACT) return false;
    this.kept.set(uri, { contract, until: performance.now() + RESERVATION_TTL_MS });
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
