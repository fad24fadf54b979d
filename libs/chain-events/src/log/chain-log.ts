/** A log of a block, as a node reports it: checked for its form and for what was asked, and otherwise not to be trusted. */
export interface ChainLog {
  /** Lower case. */
  address: string;
  blockNumber: number;
  /** `0x` and 64 hex digits, like the next one. */
  blockHash: string;
  transactionHash: string;
  logIndex: number;
  topics: readonly string[];
  data: string;
}

/** Which log it is. */
export type LogPosition = Pick<ChainLog, 'address' | 'blockNumber' | 'blockHash' | 'transactionHash' | 'logIndex'>;

export function positionOf({ address, blockNumber, blockHash, transactionHash, logIndex }: ChainLog): LogPosition {
  return { address, blockNumber, blockHash, transactionHash, logIndex };
}

/** What was asked of the node. */
export interface LogQuery {
  addresses: ReadonlySet<string>;
  fromBlock: number;
  toBlock: number;
}

/** Logs of one call. */
export interface ReadLogs {
  logs: ChainLog[];
  /** Entries that are no logs, or were not requested: those of other addresses or blocks, or without a block. */
  refused: number;
}

/** Reads the result of `eth_getLogs`; null if it is not a list. Drops entries that the node reports as removed. */
export function readLogs(result: unknown, query: LogQuery): ReadLogs | null {
  if (!Array.isArray(result)) return null;
  const entries = (result as unknown[]).filter((entry) => !isRemoved(entry));
  const logs = entries.map((entry) => readLog(entry, query)).filter((log) => log !== null);
  return { logs, refused: entries.length - logs.length };
}

/** Identifies a log, also after a reorganisation of the chain has moved it to another block. */
export function keyOf({ blockHash, logIndex }: Pick<ChainLog, 'blockHash' | 'logIndex'>): string {
  return `${blockHash}:${logIndex}`;
}

const HASH = /^0x[0-9a-f]{64}$/;
const QUANTITY = /^0x[0-9a-f]{1,13}$/;
const ADDRESS = /^0x[0-9a-f]{40}$/;
const DATA = /^0x(?:[0-9a-f]{2})*$/;

function readLog(entry: unknown, { addresses, fromBlock, toBlock }: LogQuery): ChainLog | null {
  if (typeof entry !== 'object' || entry === null) return null;
  const fields = entry as Record<string, unknown>;
  const address = matching(fields['address'], ADDRESS);
  const blockNumber = quantityIn(fields['blockNumber']);
  const blockHash = matching(fields['blockHash'], HASH);
  const transactionHash = matching(fields['transactionHash'], HASH);
  const logIndex = quantityIn(fields['logIndex']);
  const data = matching(fields['data'], DATA);
  const topics = Array.isArray(fields['topics']) ? fields['topics'].map((topic) => matching(topic, HASH)) : [];
  if (address === null || blockHash === null || transactionHash === null || data === null) return null;
  if (blockNumber === null || logIndex === null || !topics.every((topic) => topic !== null)) return null;
  if (!addresses.has(address) || blockNumber < fromBlock || blockNumber > toBlock || topics.length > 4) return null;
  return { address, blockNumber, blockHash, transactionHash, logIndex, topics, data };
}

function isRemoved(entry: unknown): boolean {
  return typeof entry === 'object' && entry !== null && 'removed' in entry && entry.removed === true;
}

function matching(value: unknown, form: RegExp): string | null {
  const text = typeof value === 'string' ? value.toLowerCase() : '';
  return form.test(text) ? text : null;
}

/** A hexadecimal number below 2^52. */
export function quantityIn(value: unknown): number | null {
  const text = matching(value, QUANTITY);
  return text === null ? null : Number(text);
}
