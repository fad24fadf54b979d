import type { ClaimedToken } from '../queue/claimed-token.js';
import { aClaimedItem, aClaimedToken } from '../queue/claimed-token.fixtures.js';
import { toCoalescedResults } from './item-result.js';

const aToken = (acceptedSeqs: readonly string[], stored: Partial<ClaimedToken>) =>
  aClaimedToken({ items: acceptedSeqs.map((acceptedSeq) => aClaimedItem({ acceptedSeq })), ...stored });

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
