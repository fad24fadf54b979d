import type { MetadataStatus } from './token-record.js';
import { InvalidSelection } from './token-store.errors.js';
import { isTokenId } from './token-id.js';

/** Token ids from `from` to `to`, both included. */
export interface TokenRange {
  from: string;
  to: string;
}

/** The states of metadata by which tokens can be selected: never fetched, or the last attempt failed. */
export const SELECTABLE_STATUSES = ['pending', 'stale', 'failed'] as const satisfies MetadataStatus[];
export type SelectableStatus = (typeof SELECTABLE_STATUSES)[number];

/** All registered tokens of a collection that are in one of the ranges, or that match all filters. */
export type TokenSelection =
  | {
      ranges: readonly TokenRange[];
      /** Without those that were burned. */
      exceptBurned?: boolean | undefined;
    }
  | {
      all: true;
      /** Only tokens in one of these states. */
      status?: readonly SelectableStatus[] | undefined;
      /** Only tokens without a successful fetch since then: the last one is older, or there was none. */
      notRefreshedSince?: Date | undefined;
      exceptBurned?: boolean | undefined;
    };

/** Which page of the ids of selected tokens. */
export interface TokenIdQuery {
  collectionId: string;
  selection: TokenSelection;
  /** Only larger ids. */
  after?: string | undefined;
  /** A hint, at least 1: a store may return fewer ids and a `next`. */
  limit: number;
}

/** Ids of selected tokens, ascending. */
export interface TokenIdPage {
  tokenIds: string[];
  /** The `after` of the next page; null: this was the last page. A page may be empty and have a `next`. */
  next: string | null;
}

/** The most ranges of one selection. */
export const MAX_RANGES = 100;

/**
 * The selection with its ranges ascending and merged, so that none overlaps another. Throws InvalidSelection for a range that is
 * none, and for too many.
 */
export function normalizeSelection(selection: TokenSelection): TokenSelection {
  return 'all' in selection ? selection : { ...selection, ranges: mergeRanges(selection.ranges) };
}

function mergeRanges(ranges: readonly TokenRange[]): TokenRange[] {
  if (ranges.length === 0) throw new InvalidSelection('A selection needs at least one range of token ids.');
  if (ranges.length > MAX_RANGES)
    throw new InvalidSelection(
      `A selection may have at most ${MAX_RANGES} ranges of token ids; this one has ${ranges.length}.`,
    );
  const merged: { from: bigint; to: bigint }[] = [];
  for (const range of ranges.map(toNumbers).toSorted((one, other) => (one.from < other.from ? -1 : 1))) {
    const last = merged.at(-1);
    if (!last || range.from > last.to + 1n) merged.push(range);
    else if (range.to > last.to) last.to = range.to;
  }
  return merged.map(({ from, to }) => ({ from: String(from), to: String(to) }));
}

function toNumbers({ from, to }: TokenRange): { from: bigint; to: bigint } {
  for (const id of [from, to]) {
    if (!isTokenId(id)) {
      throw new InvalidSelection(
        `${JSON.stringify(String(id).slice(0, 100))} is not a decimal uint256: digits only, no leading zero, below 2^256.`,
      );
    }
  }
  if (BigInt(from) > BigInt(to)) {
    throw new InvalidSelection(`The range from ${from} to ${to} runs backwards: "from" must be at most "to".`);
  }
  return { from: BigInt(from), to: BigInt(to) };
}

/** Whether these are all registered tokens. */
export function isEverything(selection: TokenSelection): boolean {
  return 'all' in selection && !selection.status && !selection.notRefreshedSince && !selection.exceptBurned;
}

/** The parts of merged ranges that are above an id. */
export function rangesAfter(ranges: readonly TokenRange[], after: string | undefined): TokenRange[] {
  if (after === undefined) return [...ranges];
  const first = BigInt(after) + 1n;
  return ranges
    .filter(({ to }) => BigInt(to) >= first)
    .map(({ from, to }) => ({ from: BigInt(from) < first ? String(first) : from, to }));
}
