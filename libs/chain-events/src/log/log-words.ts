import type { ChainLog } from './chain-log.js';

/** The 32-byte words of a log, without its first topic. */
export interface LogWords {
  /** The indexed arguments. */
  topics: readonly bigint[];
  /** The other arguments, still encoded. */
  data: readonly bigint[];
  /**
   * Indexed arguments, then the others. The hash of an event does not say which of its arguments are indexed, and contracts
   * differ in that: for arguments that take one word each, this is the same for all of them.
   */
  all: readonly bigint[];
}

/** null if the data is not made of whole words. */
export function wordsOf({ topics, data }: Pick<ChainLog, 'topics' | 'data'>): LogWords | null {
  const digits = data.slice(2);
  if (digits.length % 64 !== 0) return null;
  const words = Array.from({ length: digits.length / 64 }, (_, index) =>
    toWord(digits.slice(index * 64, index * 64 + 64)),
  );
  const indexed = topics.slice(1).map((topic) => BigInt(topic));
  return { topics: indexed, data: words, all: [...indexed, ...words] };
}

/** The `uint256[]` whose offset is this word of the data; null if it does not fit into the data. */
export function arrayAt(data: readonly bigint[], index: number): readonly bigint[] | null {
  const offset = data[index];
  if (offset === undefined || offset % 32n !== 0n || offset / 32n >= BigInt(data.length)) return null;
  const start = Number(offset / 32n);
  const length = data[start]!;
  if (length > BigInt(data.length - start - 1)) return null;
  return data.slice(start + 1, start + 1 + Number(length));
}

function toWord(digits: string): bigint {
  return BigInt(`0x${digits}`);
}
