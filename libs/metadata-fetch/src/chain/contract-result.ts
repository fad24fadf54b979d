import type { RpcResult } from './json-rpc.js';

/** What a contract answered to one call. */
export type ContractResult =
  | { kind: 'returned'; data: string }
  /** It refused. `saysNoToken`: because there is no such token, in one of the ways in which that is usually said. */
  | { kind: 'reverted'; saysNoToken: boolean }
  /** Not the contract's doing. */
  | { kind: 'node_error'; reason: string; retryAfterSeconds?: number };

/** ERC721NonexistentToken of OpenZeppelin 5, two of ERC721A, TokenDoesNotExist of Solady. */
const NO_TOKEN_ERRORS = ['0x7e273289', '0xdf2d9b42', '0xa14c4b50', '0xceea21b6'];
const NO_TOKEN_WORDS = /nonexistent token|invalid token id|not[_ ]minted|token does not exist/i;
/** Clients have neither a code nor words in common: geth and anvil, Parity, Nethermind, Besu. */
const REVERTED =
  /revert|invalid opcode|invalidfe|opcode ?not ?found|out ?of ?gas|stack (under|over)flow|bad instruction/i;

/** Some nodes say "too many requests" of each call, within a good answer. */
const THROTTLED = [429, -32_005];

/** `Error(string)`: what `revert` and `require` say. */
const ERROR_TEXT = '0x08c379a0';
/** Nobody needs more to say that there is no such token. In characters of hex. */
const MAX_REASON_LENGTH = 4096;

/** An error that comes from running the contract is the contract's; any other one is the node's. */
export function toContractResult(answer: RpcResult): ContractResult {
  switch (answer.kind) {
    case 'result':
      return typeof answer.result === 'string' && /^0x(?:[0-9a-f]{2})*$/i.test(answer.result)
        ? { kind: 'returned', data: answer.result }
        : { kind: 'node_error', reason: 'not_answered' };
    case 'error': {
      const data = dataOf(answer.data);
      if (data === null && answer.code !== 3 && !REVERTED.test(answer.message)) {
        const trouble = { kind: 'node_error', reason: `error_${answer.code}` } as const;
        return THROTTLED.includes(answer.code) ? { ...trouble, retryAfterSeconds: 0 } : trouble;
      }
      return { kind: 'reverted', saysNoToken: saysNoToken(data ?? '0x', answer.message) };
    }
    case 'failed':
      return { ...answer, kind: 'node_error' };
  }
}

/**
 * The one text that a function returns, or null for what is none. By hand: on a text of a megabyte, as contracts with
 * their art inside have it, ethers takes half a second in which this process would answer nobody.
 */
export function decodeText(data: string): string | null {
  const bytes = Buffer.from(data.slice(2), 'hex');
  const at = wordAt(bytes, 0);
  const length = at === null ? null : wordAt(bytes, at);
  if (at === null || length === null || at + 32 + length > bytes.length) return null;
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes.subarray(at + 32, at + 32 + length));
  } catch {
    return null;
  }
}

/** A bool, and nothing longer: what a fallback function answers to everything is not `true`. */
export function isTrue(data: string): boolean {
  return data.length === 66 && BigInt(data) === 1n;
}

export function isZero(data: string): boolean {
  return /^0x0*$/.test(data);
}

function saysNoToken(data: string, message: string): boolean {
  return NO_TOKEN_ERRORS.includes(data.slice(0, 10).toLowerCase()) || NO_TOKEN_WORDS.test(reasonIn(data) ?? message);
}

function reasonIn(data: string): string | null {
  const isShort = data.length <= ERROR_TEXT.length + MAX_REASON_LENGTH;
  return isShort && data.toLowerCase().startsWith(ERROR_TEXT) ? decodeText(`0x${data.slice(ERROR_TEXT.length)}`) : null;
}

/** What a revert carries: as it is, or within an object or a sentence of the client's. */
function dataOf(data: unknown): string | null {
  if (typeof data === 'object' && data !== null && 'data' in data) return dataOf(data.data);
  return typeof data === 'string' ? (/(?:^|\s)(0x(?:[0-9a-f]{2})*)$/i.exec(data)?.[1] ?? null) : null;
}

/** A number that can be a place in the data; a uint256 that is none would wrap around. */
function wordAt(bytes: Buffer, at: number): number | null {
  if (at + 32 > bytes.length) return null;
  const value = BigInt(`0x${bytes.toString('hex', at, at + 32)}`);
  return value <= bytes.length ? Number(value) : null;
}
