import type { ClaimedItem, ClaimedToken } from './claimed-token.js';

let next = 0;

/** A token of a bulk refresh at `a.example`, claimed for one item. Each has a token id of its own, and each claim a later number. */
export function aClaimedToken({ host = 'a.example', ...given }: Partial<ClaimedToken> = {}): ClaimedToken {
  next += 1;
  return {
    collectionId: 'c',
    tokenId: String(next),
    source: { kind: 'metadata_api', url: `https://${host}` },
    host,
    hostLimit: 8,
    priority: 2,
    fetchSeq: String(next),
    items: [aClaimedItem()],
    ...given,
  };
}

/** Claimed for the first time. */
export function aClaimedItem(given: Partial<ClaimedItem> = {}): ClaimedItem {
  return {
    chunkId: '1',
    refreshId: 'r',
    trigger: 'api',
    acceptedSeq: '1',
    claimCount: 1,
    attemptCount: 0,
    lostCount: 0,
    ...given,
  };
}
