import { CHUNK_SIZE, planClaim, type ChunkPart, type DueChunk } from './claim-plan.js';

let next = 0;
function aChunk(tokenIds: readonly string[], more: Partial<DueChunk> = {}): DueChunk {
  next += 1;
  const refreshId = `r${next}`;
  const state = { priority: 2, isJoining: false, inFlight: new Set<string>(), isLost: false, lostCount: 0 };
  return { id: String(next), refreshId, collectionId: 'c', tokenIds, ...state, ...more };
}
const ids = (count: number, from = 1) => Array.from({ length: count }, (_, index) => String(from + index));
const plan = (chunks: readonly DueChunk[], room: number, maxLostClaims = 10) => planClaim(chunks, room, maxLostClaims);
const partsOf = (chunks: readonly DueChunk[], room: number, maxLostClaims?: number) =>
  plan(chunks, room, maxLostClaims).map(({ parts }) => parts.map(({ state, tokenIds }) => [state, tokenIds]));
const claimedIn = (parts: readonly ChunkPart[]) =>
  parts.filter(({ state }) => state === 'claimed').flatMap(({ tokenIds }) => tokenIds);
const claimedOf = (chunks: readonly DueChunk[], room: number) =>
  plan(chunks, room).map(({ chunk, parts }) => [chunk.priority, claimedIn(parts).length]);

it('a chunk that fits is claimed whole', () => {
  expect(partsOf([aChunk(ids(5))], 5)).toEqual([[['claimed', ids(5)]]]);
});

it('the room of a claim is counted in tokens, and what does not fit stays due in the row of its chunk', () => {
  expect(partsOf([aChunk(ids(5)), aChunk(ids(5, 11)), aChunk(ids(5, 21))], 7)).toEqual([
    [['claimed', ids(5)]],
    [
      ['due', ids(3, 13)],
      ['claimed', ids(2, 11)],
    ],
  ]);
});

it('the sizes of requests share the room equally, and what one of them does not need goes to the others', () => {
  const [interactive, small, large] = [0, 1, 2].map((priority) => aChunk(ids(100, priority * 1000), { priority }));

  expect(claimedOf([interactive!, small!, large!], 90)).toEqual([
    [0, 30],
    [1, 30],
    [2, 30],
  ]);
  expect(claimedOf([aChunk(ids(4, 5000), { priority: 0 }), large!], 50)).toEqual([
    [0, 4],
    [2, 46],
  ]);
  expect(claimedOf([interactive!, small!, large!], 1)).toEqual([[0, 1]]);
});

it('all chunks that wait for a claimed token are claimed with it, also beyond the room', () => {
  expect(partsOf([aChunk(ids(3)), aChunk(ids(3, 2)), aChunk(['9'])], 3)).toEqual([
    [['claimed', ids(3)]],
    [
      ['due', ['4']],
      ['claimed', ['2', '3']],
    ],
  ]);
});

it('a token of the same id in another collection is another token', () => {
  expect(partsOf([aChunk(['1']), aChunk(['1'], { collectionId: 'other' })], 1)).toEqual([[['claimed', ['1']]]]);
});

it('tokens in flight are split off and take no room', () => {
  const inFlight = new Set(['2', '3']);

  expect(partsOf([aChunk(ids(5), { inFlight }), aChunk(['9'])], 4)).toEqual([
    [
      ['claimed', ['1', '4', '5']],
      ['deferred', ['2', '3']],
    ],
    [['claimed', ['9']]],
  ]);
});

it('a chunk that was deferred is claimed for the tokens that are claimed for one of the first due chunks, without room; the rest keeps its row', () => {
  const chunks = [aChunk(ids(3), { isJoining: true }), aChunk(['4'], { isJoining: true }), aChunk(['2', '5', '8'])];

  expect(partsOf(chunks, 2)).toEqual([
    [
      ['due', ['1', '3']],
      ['claimed', ['2']],
    ],
    [
      ['due', ['8']],
      ['claimed', ['2', '5']],
    ],
  ]);
});

describe('lost chunks', () => {
  /** Loses the part with this token, claim by claim, and returns the sizes of the parts and the lost claims of the token. */
  function lose(tokenId: string, maxLostClaims: number) {
    let chunk = aChunk(ids(CHUNK_SIZE));
    const history: { size: number; lostCount: number; others: number }[] = [];
    for (let claim = 0; claim < 30; claim += 1) {
      const [divided] = plan([chunk], 1000, maxLostClaims);
      const part = divided!.parts.find(({ tokenIds }) => tokenIds.includes(tokenId))!;
      history.push({ size: part.tokenIds.length, lostCount: part.lostCount, others: divided!.parts.length - 1 });
      if (part.lostCount >= maxLostClaims) break;
      chunk = { ...chunk, tokenIds: part.tokenIds, lostCount: part.lostCount, isLost: true };
    }
    return history;
  }

  it('a lost chunk is split at each loss, until the token that kills its worker is alone', () => {
    expect(lose('77', 10).map(({ size }) => size)).toEqual([128, 32, 8, 2, 1, 1, 1, 1, 1, 1, 1]);
  });

  it.each([1, 2, 3, 10])(
    'a lost chunk fails no token with another one, with %i lost claims at most',
    (maxLostClaims) => {
      const history = lose('77', maxLostClaims);

      expect(history.at(-1)).toMatchObject({ size: 1, lostCount: maxLostClaims });
      expect(history.filter(({ size, lostCount }) => size > 1 && lostCount >= maxLostClaims)).toEqual([]);
    },
  );

  it('only the first part of a lost chunk is claimed; the other parts are due, with the same count of lost claims', () => {
    expect(plan([aChunk(ids(8), { isLost: true, lostCount: 2 })], 100)[0]!.parts).toEqual([
      { state: 'due', tokenIds: ['3', '4'], lostCount: 3 },
      { state: 'due', tokenIds: ['5', '6'], lostCount: 3 },
      { state: 'due', tokenIds: ['7', '8'], lostCount: 3 },
      { state: 'claimed', tokenIds: ['1', '2'], lostCount: 3 },
    ]);
  });

  it('a lost chunk stays as it is while there is no room for it', () => {
    expect(plan([aChunk(ids(2)), aChunk(ids(8, 11), { isLost: true })], 2)).toHaveLength(1);
  });
});
