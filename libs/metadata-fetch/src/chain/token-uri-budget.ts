import { MAX_URI_LENGTH } from '@app/metadata-uri';
import { Injectable } from '@nestjs/common';
import type { TokenUri } from '../uri/uri-rule.js';

/** For all contracts, in characters. A character takes one byte, or two if the text has any beyond Latin-1. */
const MAX_RESERVED = 32 * 1024 * 1024;
/** For one contract, so that it leaves room for others. */
const MAX_RESERVED_PER_CONTRACT = MAX_RESERVED / 2;
/** In milliseconds. A token that was not fetched by then has been released, and its URI with it. */
const RESERVATION_TTL_MS = 30_000;

/**
 * Bounds the memory of documents inside token URIs, from the batch of calls that returned them until each is read. Shorter
 * URIs are not counted.
 */
@Injectable()
export class TokenUriBudget {
  /** The oldest first. */
  private readonly reserved = new Map<TokenUri, { contract: string; until: number }>();

  /** Reserves memory until release(), or for half a minute. False: it would exceed a limit. */
  reserve(contract: string, uri: TokenUri): boolean {
    const { length } = uri.uri;
    if (length <= MAX_URI_LENGTH) return true;
    this.deleteExpired();
    let [total, ofContract] = [length, length];
    for (const [{ uri: other }, reservation] of this.reserved) {
      total += other.length;
      if (reservation.contract === contract) ofContract += other.length;
    }
    if (total > MAX_RESERVED || ofContract > MAX_RESERVED_PER_CONTRACT) return false;
    this.reserved.set(uri, { contract, until: performance.now() + RESERVATION_TTL_MS });
    return true;
  }

  release(uri: TokenUri): void {
    this.reserved.delete(uri);
  }

  private deleteExpired(): void {
    const now = performance.now();
    for (const [uri, { until }] of this.reserved) {
      if (until > now) return;
      this.reserved.delete(uri);
    }
  }
}
