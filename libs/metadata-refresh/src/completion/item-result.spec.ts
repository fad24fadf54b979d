import type { ClaimedToken } from '../queue/claimed-token.js';
import { toCoalescedResults } from './item-result.js';

const aToken = (acceptedSeqs: readonly string[], stored: Partial<ClaimedToken>): ClaimedToken => ({
  collectionId: 'c1',
  tokenId: '7',
  source: { kind: 'metadata_api', url: 'https://api.example' },
  host: 'api.example',
  hostLimit: 4,
  priority: 0,
  fetchSeq: '100',
  items: acceptedSeqs.map((acceptedSeq, index) => {
    return {
      chunkId: String(index),
      refreshId: `r${index}`,
      trigger: 'api' as const,
      acceptedSeq,
      claimCount: 1,
      attemptCount: 0,
      lostCount: 0,
    };
  }),
  ...stored,
});

describe('coalesced results', () => {
  it('a token of a refresh needs no fetch if its last one began after the refresh was accepted, and is updated if that one changed it', () => {
    const results = toCoalescedResults(aToken(['10', '30'], { lastFetchSeq: '40', lastChangeSeq: '20' }));

    expect(results).toMatchObject([
      { status: 'coalesced', isChanged: true },
      { status: 'coalesced', isChanged: false },
    ]);
  });

  it('a token of a refresh is fetched if one of the refreshes that wait for it was accepted after the start of the last fetch', () => {
    expect(toCoalescedResults(aToken(['10', '50'], { lastFetchSeq: '40', lastChangeSeq: '40' }))).toBeNull();
    expect(toCoalescedResults(aToken(['40'], { lastFetchSeq: '40' }))).toBeNull();
  });

  it('a token of a refresh is fetched if the token store does not tell the numbers of its fetches', () => {
    expect(toCoalescedResults(aToken(['10'], {}))).toBeNull();
  });

  it('numbers of fetches are compared as numbers, not as text', () => {
    expect(toCoalescedResults(aToken(['9'], { lastFetchSeq: '10' }))).toHaveLength(1);
    expect(toCoalescedResults(aToken(['10'], { lastFetchSeq: '9' }))).toBeNull();
  });
});
