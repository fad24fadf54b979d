import { keyOf, type ChainLog } from '../log/chain-log.js';

/** A log that was read before: enough to ask for its refresh again. */
export type SeenLog = Pick<ChainLog, 'address' | 'blockNumber' | 'blockHash' | 'logIndex'>;

/** What was asked for: other logs that were seen may exist and were not read. */
export interface ReadWindow<Seen extends SeenLog> {
  fromBlock: number;
  toBlock: number;
  isAsked: (log: Seen) => boolean;
}

/**
 * Compares the logs of a window with those that were seen in it before. `added`: new ones, each once, in the order of the chain.
 * `vanished`: those that are no longer in the chain, after a reorg.
 */
export function differenceOf<Seen extends SeenLog>(
  seen: ReadonlyMap<string, Seen>,
  logs: readonly ChainLog[],
  { fromBlock, toBlock, isAsked }: ReadWindow<Seen>,
): { added: ChainLog[]; vanished: Seen[] } {
  const found = new Map(logs.map((log) => [keyOf(log), log]));
  const added = [...found].filter(([key]) => !seen.has(key)).map(([, log]) => log);
  const vanished = [...seen].filter(
    ([key, log]) => !found.has(key) && log.blockNumber >= fromBlock && log.blockNumber <= toBlock && isAsked(log),
  );
  return { added: added.toSorted(byPosition), vanished: vanished.map(([, log]) => log) };
}

function byPosition(one: ChainLog, other: ChainLog): number {
  return one.blockNumber - other.blockNumber || one.logIndex - other.logIndex;
}
