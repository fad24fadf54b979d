/** The most tokens of one chunk; a check of the table as well. */
export const CHUNK_SIZE = 128;
/** A lost chunk is divided by this number each time, so that the token that kills its worker is soon alone. */
const LOST_CHUNK_PARTS = 4;

/** A chunk as a claim reads it. */
export interface DueChunk {
  id: string;
  refreshId: string;
  collectionId: string;
  priority: number;
  /** Ascending. */
  tokenIds: readonly string[];
  /** Tokens that another chunk of the lane is fetching now. */
  inFlight: ReadonlySet<string>;
  /** It was deferred, and is not one of the first due chunks: it is claimed only for tokens that are claimed for one of those. */
  isJoining: boolean;
  /** Its last claim ended by lease expiry. */
  isLost: boolean;
  /** Lost claims so far, without that one. */
  lostCount: number;
}

/**
 * What becomes of some tokens of a chunk. `claimed`: fetched now. `deferred`: due again in a second, when the fetch in flight
 * may be written. `due`: due as before.
 */
export interface ChunkPart {
  state: 'claimed' | 'deferred' | 'due';
  tokenIds: readonly string[];
  lostCount: number;
}

/** A chunk with its parts. The first one keeps the row of the chunk, so that as few index entries as possible change. */
export interface DividedChunk<Chunk extends DueChunk> {
  chunk: Chunk;
  parts: readonly [ChunkPart, ...ChunkPart[]];
}

/**
 * Decides which tokens of the first due chunks of one lane are claimed: at most `room` different tokens, in turns from the sizes of
 * requests, so that none of them waits behind another. All chunks that wait for a claimed token are claimed with it, for one
 * fetch, also those that join. Chunks that stay as they are, are left out.
 */
export function planClaim<Chunk extends DueChunk>(
  chunks: readonly Chunk[],
  room: number,
  maxLostClaims: number,
): DividedChunk<Chunk>[] {
  const claimed = new Set<string>();
  const due = chunks.filter(({ isJoining }) => !isJoining);
  for (const [priority, share] of sharesOf(due, room, maxLostClaims)) {
    claimFirst(
      due.filter((chunk) => chunk.priority === priority),
      share,
      maxLostClaims,
      claimed,
    );
  }
  return chunks.flatMap((chunk) => {
    const divided = divide(chunk, claimed, maxLostClaims);
    return divided ? [divided] : [];
  });
}

/** Shares the room among the sizes in turns: what a size has no tokens for goes to the others. */
function sharesOf(chunks: readonly DueChunk[], room: number, maxLostClaims: number): [number, number][] {
  const available = new Map<number, number>();
  for (const chunk of chunks) {
    const before = available.get(chunk.priority) ?? 0;
    available.set(chunk.priority, before + claimable(chunk, maxLostClaims).length);
  }
  const shares = new Map([...available.keys()].toSorted((one, other) => one - other).map((size) => [size, 0]));
  let left = room;
  while (left > 0) {
    const open = [...shares].filter(([size, share]) => share < available.get(size)!);
    if (open.length === 0) break;
    const turn = Math.max(1, Math.floor(left / open.length));
    for (const [size, share] of open) {
      const more = Math.min(turn, available.get(size)! - share, left);
      shares.set(size, share + more);
      left -= more;
    }
  }
  return [...shares];
}

function claimFirst(chunks: readonly DueChunk[], share: number, maxLostClaims: number, claimed: Set<string>): void {
  let left = share;
  for (const chunk of chunks) {
    for (const tokenId of claimable(chunk, maxLostClaims)) {
      if (claimed.has(keyOf(chunk, tokenId))) continue;
      if (left === 0) return;
      claimed.add(keyOf(chunk, tokenId));
      left -= 1;
    }
  }
}

function claimable(chunk: DueChunk, maxLostClaims: number): readonly string[] {
  const { tokenIds, inFlight } = chunk;
  const free = inFlight.size === 0 ? tokenIds : tokenIds.filter((tokenId) => !inFlight.has(tokenId));
  return free.slice(0, partSize(chunk, maxLostClaims));
}

function divide<Chunk extends DueChunk>(
  chunk: Chunk,
  claimed: ReadonlySet<string>,
  maxLostClaims: number,
): DividedChunk<Chunk> | null {
  const size = partSize(chunk, maxLostClaims);
  const now: string[] = [];
  const deferred: string[] = [];
  const rest: string[] = [];
  for (const tokenId of chunk.tokenIds) {
    if (chunk.inFlight.has(tokenId)) deferred.push(tokenId);
    else if (now.length < size && claimed.has(keyOf(chunk, tokenId))) now.push(tokenId);
    else rest.push(tokenId);
  }
  if (now.length + deferred.length === 0) return null;
  const lostCount = lostCountOf(chunk, maxLostClaims);
  const partsOf = (state: ChunkPart['state'], tokenIds: readonly string[]): ChunkPart[] =>
    inParts(tokenIds, size).map((part) => ({ state, tokenIds: part, lostCount }));
  // The rest keeps the row: its key in the queue does not change.
  const [first, ...others] = [...partsOf('due', rest), ...partsOf('claimed', now), ...partsOf('deferred', deferred)];
  return { chunk, parts: [first!, ...others] };
}

/** How many tokens of the chunk may be claimed together. */
function partSize({ isLost, lostCount, tokenIds }: DueChunk, maxLostClaims: number): number {
  if (!isLost) return CHUNK_SIZE;
  if (lostCount + 1 >= maxLostClaims) return 1;
  return Math.ceil(tokenIds.length / LOST_CHUNK_PARTS);
}

/** A token fails after `maxLostClaims` lost claims, and not before it was alone in one. */
function lostCountOf({ isLost, lostCount, tokenIds }: DueChunk, maxLostClaims: number): number {
  if (!isLost) return lostCount;
  return tokenIds.length === 1 ? lostCount + 1 : Math.max(lostCount, Math.min(lostCount + 1, maxLostClaims - 1));
}

function inParts(tokenIds: readonly string[], size: number): (readonly string[])[] {
  if (tokenIds.length <= size) return tokenIds.length === 0 ? [] : [tokenIds];
  return Array.from({ length: Math.ceil(tokenIds.length / size) }, (_, index) =>
    tokenIds.slice(index * size, (index + 1) * size),
  );
}

function keyOf({ collectionId }: DueChunk, tokenId: string): string {
  return `${collectionId}/${tokenId}`;
}
