import type { RpcResult } from './rpc-node.js';

/** Why a contract could not be read, or is none. */
export interface UnreachableContract {
  kind: 'unreachable';
  reason: 'no_contract' | 'contract_reverted' | 'rpc_error' | 'too_large' | 'busy';
  /** Of `rpc_error`: all nodes fail as a whole, and ask to wait at least this long; 0 if they do not say. */
  retryAfterSeconds?: number;
}

/** The result of one contract call. */
export type ContractResult =
  | { kind: 'returned'; data: string }
  /** `saysNoToken`: the revert has one of the usual errors or messages for a token that does not exist. */
  | { kind: 'reverted'; saysNoToken: boolean }
  /** The node failed, not the contract. */
  | { kind: 'node_error'; reason: string; retryAfterSeconds?: number };

/** ERC721NonexistentToken of OpenZeppelin 5, two errors of ERC721A, TokenDoesNotExist of Solady. */
const NO_TOKEN_ERRORS = ['0x7e273289', '0xdf2d9b42', '0xa14c4b50', '0xceea21b6'];
const NO_TOKEN_WORDS = /nonexistent token|invalid token id|not[_ ]minted|token does not exist/i;
/** Clients share neither an error code nor a message: geth, anvil, Parity, Nethermind, Besu. */
const REVERTED =
  /revert|invalid opcode|invalidfe|opcode ?not ?found|out ?of ?gas|stack (under|over)flow|bad instruction/i;

/** Some nodes rate-limit each call, inside a response of status 200. */
const THROTTLED = [429, -32_005];

/** The selector of `Error(string)`, which `revert` and `require` return. */
const ERROR_TEXT = '0x08c379a0';
/** Longer revert reasons are not searched. In hex digits. */
const MAX_REASON_LENGTH = 4096;

/** An error from running the contract is a revert; any other one is an error of the node. */
export function toContractResult(result: RpcResult): ContractResult {
  switch (result.kind) {
    case 'result':
      return typeof result.result === 'string' && /^0x(?:[0-9a-f]{2})*$/i.test(result.result)
        ? { kind: 'returned', data: result.result }
        : { kind: 'node_error', reason: 'no_result' };
    case 'error': {
      const data = dataOf(result.data);
      if (data === null && result.code !== 3 && !REVERTED.test(result.message)) {
        const nodeError = { kind: 'node_error', reason: `error_${result.code}` } as const;
        return THROTTLED.includes(result.code) ? { ...nodeError, retryAfterSeconds: 0 } : nodeError;
      }
      return { kind: 'reverted', saysNoToken: saysNoToken(data ?? '0x', result.message) };
    }
    case 'failed':
      return { ...result, kind: 'node_error' };
  }
}

/**
 * Decodes a returned string; null if the data is not one. Not with ethers, which blocks the process for half a second on a
 * string of a megabyte, as contracts with on-chain art return it.
 */
export function decodeText(data: string): string | null {
  const bytes = Buffer.from(data.slice(2), 'hex');
  const offset = wordAt(bytes, 0);
  const length = offset === null ? null : wordAt(bytes, offset);
  if (offset === null || length === null || offset + 32 + length > bytes.length) return null;
  try {
    const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
    return decoder.decode(bytes.subarray(offset + 32, offset + 32 + length));
  } catch {
    return null;
  }
}

/** Exactly one word: the result of a fallback function that accepts every call is not `true`. */
export function isTrue(data: string): boolean {
  return data.length === 66 && BigInt(data) === 1n;
}

export function isZero(data: string): boolean {
  return /^0x0*$/.test(data);
}

/** An address that a contract returned, lower case; null: it returned none, or the zero address. */
export function decodeAddress(data: string): string | null {
  const [, address] = /^0x0{24}([0-9a-f]{40})$/i.exec(data) ?? [];
  return address === undefined || /^0*$/.test(address) ? null : `0x${address.toLowerCase()}`;
}

/** Why the node has not run one of these calls; null: it has run all of them, whatever the contracts did. */
export function nodeErrorAmong(results: readonly RpcResult[]): string | null {
  for (const result of results.map(toContractResult)) if (result.kind === 'node_error') return result.reason;
  return null;
}

/** Not errors of the node: the contract returned too much, or no buffer was free. */
export function isOwnLimit(reason: string): reason is 'too_large' | 'busy' {
  return reason === 'too_large' || reason === 'busy';
}

/** What a failed call says of the contract: nothing. */
export function toUnreachable({
  reason,
  retryAfterSeconds,
}: {
  reason: string;
  retryAfterSeconds?: number;
}): UnreachableContract {
  if (isOwnLimit(reason)) return { kind: 'unreachable', reason };
  const failure = { kind: 'unreachable', reason: 'rpc_error' } as const;
  return retryAfterSeconds === undefined ? failure : { ...failure, retryAfterSeconds };
}

function saysNoToken(data: string, message: string): boolean {
  return NO_TOKEN_ERRORS.includes(data.slice(0, 10).toLowerCase()) || NO_TOKEN_WORDS.test(reasonIn(data) ?? message);
}

function reasonIn(data: string): string | null {
  const isShort = data.length <= ERROR_TEXT.length + MAX_REASON_LENGTH;
  return isShort && data.toLowerCase().startsWith(ERROR_TEXT) ? decodeText(`0x${data.slice(ERROR_TEXT.length)}`) : null;
}

/** The data of a revert. Some clients wrap it in an object or a sentence. */
function dataOf(data: unknown): string | null {
  if (typeof data === 'object' && data !== null && 'data' in data) return dataOf(data.data);
  return typeof data === 'string' ? (/(?:^|\s)(0x(?:[0-9a-f]{2})*)$/i.exec(data)?.[1] ?? null) : null;
}

/** An offset or length within the data; null if it is out of bounds. */
function wordAt(bytes: Buffer, offset: number): number | null {
  if (offset + 32 > bytes.length) return null;
  const value = BigInt(`0x${bytes.toString('hex', offset, offset + 32)}`);
  return value <= bytes.length ? Number(value) : null;
}
