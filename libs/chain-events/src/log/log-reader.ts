import type { JsonRpc, RpcCall, RpcResult } from '@app/metadata-fetch';
import type { Deadline } from '@app/safe-http';
import { quantityIn, readLogs, type ChainLog } from './chain-log.js';
import { CONTRACT_EVENTS } from './contract-events.js';
import { readLogError } from './log-error.js';

/** Contracts whose logs are wanted. */
export interface WatchedAddress {
  /** Lower case. */
  address: string;
  /** Whether its mints are wanted, too. */
  discover: 'none' | 'mints';
}

export interface BlockRange {
  fromBlock: number;
  toBlock: number;
}

/** How reading the logs of some blocks ended. */
export type LogsResult =
  | {
      kind: 'logs';
      logs: ChainLog[];
      /** Entries that the node returned and that were not requested. */
      refused: number;
      /** Contracts with more logs in this one block than the node returns. */
      unreadable: string[];
    }
  /** Too many blocks, or too many logs in them. `maxBlocks`: how many would work; null: unknown. */
  | { kind: 'limit'; maxBlocks: number | null; isFixed: boolean }
  | { kind: 'failed'; reason: string; retryAfterSeconds?: number };

/** The newest block, as a node reports it. */
export type HeadResult =
  | { kind: 'head'; blockNumber: number; blockHash: string }
  | { kind: 'failed'; reason: string; retryAfterSeconds?: number };

/** What the newest block can be, after what was read before. */
export interface HeadBounds {
  minBlock: number;
  maxBlock: number;
}

/** Contracts of one call: providers accept at least as many. */
const ADDRESSES_PER_CALL = 100;
/** Calls of one request, besides the one that proves that the node has the blocks. */
const CALLS_PER_REQUEST = 90;

const ZERO_ADDRESS = `0x${'0'.repeat(64)}`;
const topicsOf = (family: string) => CONTRACT_EVENTS.filter((row) => row.family === family).map(({ topic }) => topic);
const METADATA_TOPICS = topicsOf('metadata');
const TRANSFER_TOPICS = topicsOf('transfer');
const [TRANSFER] = TRANSFER_TOPICS;

type Filter = readonly (readonly string[] | null)[];

/** From a token's second argument on: a mint of ERC-1155 and ERC-2309 comes from the zero address there, a burn of ERC-721 goes to it. */
const MINTS_AND_BURNS: Filter = [TRANSFER_TOPICS, null, [ZERO_ADDRESS]];
const BURNS: Filter = [[TRANSFER!], null, [ZERO_ADDRESS]];
const MINTS: Filter = [[TRANSFER!], [ZERO_ADDRESS]];

interface LogCall {
  addresses: readonly string[];
  topics: Filter;
}

/**
 * Reads logs of a chain. A single response of a node is not trusted: all calls for a span of blocks are one request to one node, which
 * must have the last of these blocks, and only requested logs are returned.
 */
export class LogReader {
  constructor(
    private readonly rpc: JsonRpc,
    private readonly chainId: number,
  ) {}

  /** The newest block. A node that is not within these bounds, or serves another chain, is passed over. */
  async readHead(deadline: Deadline, { minBlock, maxBlock }: HeadBounds): Promise<HeadResult> {
    const calls: RpcCall[] = [
      { method: 'eth_chainId', params: [] },
      { method: 'eth_getBlockByNumber', params: ['latest', false] },
    ];
    const check = (results: readonly RpcResult[]) => {
      const [chain, block] = results;
      if (chain?.kind !== 'result' || block?.kind !== 'result') return reasonOf(chain, block);
      if (Number(chain.result) !== this.chainId) return 'wrong_chain';
      const head = headOf(block.result);
      if (!head) return 'no_result';
      if (head.blockNumber < minBlock) return 'behind';
      return head.blockNumber > maxBlock ? 'ahead' : null;
    };
    const results = await this.rpc.callTogether(calls, { deadline, check });
    if (!Array.isArray(results)) return results;
    const block = results[1]!;
    return { kind: 'head', ...headOf(block.kind === 'result' ? block.result : null)! };
  }

  /** The logs of these contracts in these blocks. */
  async read(watched: readonly WatchedAddress[], range: BlockRange, deadline: Deadline): Promise<LogsResult> {
    return this.readCalls(callsFor(watched), range, deadline);
  }

  /** The mints and burns of one contract in these blocks. */
  async readTransfers(address: string, range: BlockRange, deadline: Deadline): Promise<LogsResult> {
    const calls = [MINTS_AND_BURNS, MINTS].map((topics) => ({ addresses: [address], topics }));
    return this.readCalls(calls, range, deadline);
  }

  private async readCalls(calls: readonly LogCall[], range: BlockRange, deadline: Deadline): Promise<LogsResult> {
    const total: Extract<LogsResult, { kind: 'logs' }> = { kind: 'logs', logs: [], refused: 0, unreadable: [] };
    const batches = chunksOf(calls, CALLS_PER_REQUEST);
    for (let batch = batches.shift(); batch; batch = batches.shift()) {
      const result = await this.readBatch(batch, range, deadline);
      if (result.kind === 'failed') return result;
      if (result.kind === 'logs') {
        total.logs.push(...result.logs);
        total.refused += result.refused;
        continue;
      }
      if (range.fromBlock < range.toBlock) return result;
      // One block is too much: its contracts are read in ever smaller groups.
      const [call, ...others] = batch;
      if (others.length > 0) batches.unshift(...halvesOf(batch));
      else if (call!.addresses.length === 1) total.unreadable.push(call!.addresses[0]!);
      else batches.unshift(...halvesOf(call!.addresses).map((addresses) => [{ ...call!, addresses }]));
    }
    return { ...total, unreadable: [...new Set(total.unreadable)] };
  }

  private async readBatch(calls: readonly LogCall[], range: BlockRange, deadline: Deadline): Promise<LogsResult> {
    const [fromBlock, toBlock] = [toQuantity(range.fromBlock), toQuantity(range.toBlock)];
    const requests: RpcCall[] = [
      ...calls.map(({ addresses, topics }) => ({
        method: 'eth_getLogs',
        params: [{ address: addresses, topics, fromBlock, toBlock }],
      })),
      // null if the node does not have the block: then its list of logs is short or empty, without an error.
      { method: 'eth_getBlockTransactionCountByNumber', params: [toBlock] },
    ];
    const check = (results: readonly RpcResult[]) => {
      for (const result of results.slice(0, -1)) {
        if (result.kind === 'result') {
          if (!Array.isArray(result.result)) return 'no_result';
          continue;
        }
        const reason = result.kind === 'error' ? faultOf(result, range) : result.reason;
        if (reason !== null) return reason;
      }
      const last = results.at(-1);
      return last?.kind === 'result' && quantityIn(last.result) !== null ? null : 'behind';
    };
    const results = await this.rpc.callTogether(requests, { deadline, check });
    if (!Array.isArray(results)) {
      return results.reason === 'too_large' ? { kind: 'limit', maxBlocks: null, isFixed: false } : results;
    }
    const read = { kind: 'logs' as const, logs: [] as ChainLog[], refused: 0, unreadable: [] };
    for (const [index, { addresses }] of calls.entries()) {
      const result = results[index]!;
      if (result.kind === 'error') {
        const error = readLogError(result, range);
        return error.kind === 'limit' ? error : { kind: 'failed', reason: error.kind };
      }
      const logs =
        result.kind === 'result' ? readLogs(result.result, { ...range, addresses: new Set(addresses) }) : null;
      if (!logs) return { kind: 'failed', reason: 'no_result' };
      read.logs.push(...logs.logs);
      read.refused += logs.refused;
    }
    return read;
  }
}

function callsFor(watched: readonly WatchedAddress[]): LogCall[] {
  const addressesOf = (some: readonly WatchedAddress[]) => some.map(({ address }) => address);
  const discovering = watched.filter(({ discover }) => discover === 'mints');
  const others = watched.filter(({ discover }) => discover === 'none');
  return [
    ...callsOf(addressesOf(watched), [METADATA_TOPICS]),
    ...callsOf(addressesOf(others), BURNS),
    ...callsOf(addressesOf(discovering), MINTS_AND_BURNS),
    ...callsOf(addressesOf(discovering), MINTS),
  ];
}

function callsOf(addresses: readonly string[], topics: Filter): LogCall[] {
  return chunksOf(addresses, ADDRESSES_PER_CALL).map((group) => ({ addresses: group, topics }));
}

function chunksOf<T>(all: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(all.length / size) }, (_, index) =>
    all.slice(index * size, (index + 1) * size),
  );
}

function halvesOf<T>(all: readonly T[]): T[][] {
  const middle = Math.ceil(all.length / 2);
  return [all.slice(0, middle), all.slice(middle)];
}

/** null: the error is about the number of blocks or logs, which another node would refuse as well. */
function faultOf(error: Extract<RpcResult, { kind: 'error' }>, range: BlockRange): string | null {
  const { kind } = readLogError(error, range);
  if (kind === 'limit') return null;
  return kind === 'failed' ? `error_${error.code}` : kind;
}

function reasonOf(...results: (RpcResult | undefined)[]): string {
  const failure = results.find((result) => result !== undefined && result.kind !== 'result');
  return failure?.kind === 'error' ? `error_${failure.code}` : 'no_result';
}

function headOf(block: unknown): { blockNumber: number; blockHash: string } | null {
  if (typeof block !== 'object' || block === null || !('number' in block) || !('hash' in block)) return null;
  const blockNumber = quantityIn(block.number);
  const { hash } = block;
  return blockNumber !== null && typeof hash === 'string' && /^0x[0-9a-f]{64}$/i.test(hash)
    ? { blockNumber, blockHash: hash.toLowerCase() }
    : null;
}

function toQuantity(value: number): string {
  return `0x${value.toString(16)}`;
}
