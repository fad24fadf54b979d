import type { Deadline } from '@app/safe-http';
import { Interface } from 'ethers';
import { contractCall } from './contract-call.js';
import {
  decodeText,
  isOwnLimit,
  isZero,
  toContractResult,
  toUnreachable,
  type ContractResult,
  type UnreachableContract,
} from './contract-result.js';
import { declaredStandard, standardCalls } from './erc165.js';
import type { JsonRpc, ResponseSize } from './json-rpc.js';
import type { RpcCall, RpcResult } from './rpc-node.js';
import type { TokenUriBudget } from './token-uri-budget.js';
import type { TokenStandard } from '../uri/erc1155-id.js';
import { appendTokenId, toTokenUri, type TokenUri, type UriRule } from '../uri/uri-rule.js';

/** A request for the token URI of one token. */
export interface TokenUriRequest {
  /** Decimal uint256. */
  tokenId: string;
  uriRule: UriRule;
}

/** Why a contract's token has no token URI. */
export type NoTokenUri =
  | UnreachableContract
  | { kind: 'undecodable'; reason: 'invalid_token_uri' }
  /** The contract says that the token does not exist. */
  | { kind: 'no_token'; reason: 'contract_reverted' };

export type TokenUriResult = TokenUri | NoTokenUri;

/** The standards that a contract declares by ERC-165; if it declares none or both, both are tried, in this order. */
type Standards = readonly [TokenStandard] | readonly [TokenStandard, TokenStandard];

/** A request and its result so far; `reverted` if no call has succeeded yet. */
interface Reading {
  request: TokenUriRequest;
  result: TokenUriResult | Reverted;
}
type Reverted = Extract<ContractResult, { kind: 'reverted' }>;

const ABI = new Interface([
  'function tokenURI(uint256) view returns (string)',
  'function uri(uint256) view returns (string)',
  'function baseURI() view returns (string)',
  'function ownerOf(uint256) view returns (address)',
]);
const URI_FUNCTIONS = { erc721: 'tokenURI', erc1155: 'uri' } as const;

/** The budget for token URIs is exhausted. */
const BUSY = { kind: 'unreachable', reason: 'busy' } as const;

/** Limited, since a proxy may be upgraded to another standard. */
const STANDARDS_TTL_MS = 10 * 60_000;

/**
 * Reads token URIs from contracts of one chain in batches: detects the standard of the contract, calls it for each token,
 * and for tokens whose call reverted, checks whether they exist. A failed call affects only its own token.
 */
export class ContractReader {
  private readonly contracts = new Map<string, { standards: Standards; size: ResponseSize; until: number }>();

  constructor(
    private readonly rpc: JsonRpc,
    private readonly budget: TokenUriBudget,
  ) {}

  /** In the order of the requests. Long URIs reserve budget. Never throws because of what a node or a contract does. */
  async read(address: string, requests: readonly TokenUriRequest[], deadline: Deadline): Promise<TokenUriResult[]> {
    const standards = await this.findStandards(address, deadline);
    if ('kind' in standards) return requests.map(() => standards);
    const readings = requests.map((request): Reading => ({
      request,
      result: { kind: 'reverted', saysNoToken: false },
    }));
    for (const standard of standards) {
      const isLast = standard === standards.at(-1);
      await this.callUris(address, readings.filter(isReverted), { standard, isLast }, deadline);
    }
    await this.callBaseUri(address, readings.filter(isReverted), standards[0], deadline);
    if (standards.join() === 'erc721') await this.callOwners(address, readings.filter(isReverted), deadline);
    return readings.map(({ result }) => (result.kind === 'reverted' ? toRevertedResult(result.saysNoToken) : result));
  }

  private async findStandards(address: string, deadline: Deadline): Promise<Standards | NoTokenUri> {
    const cached = this.contracts.get(address);
    if (cached && cached.until > performance.now()) return cached.standards;
    const calls: RpcCall[] = [{ method: 'eth_getCode', params: [address, 'latest'] }, ...standardCalls(address)];
    const [code, ...supports] = (await allOf(this.call(calls, deadline))).map(toContractResult);
    const nodeError = [code!, ...supports].find((result) => result.kind === 'node_error');
    if (nodeError) return toUnreachable(nodeError);
    if (code?.kind === 'returned' && isZero(code.data)) return { kind: 'unreachable', reason: 'no_contract' };
    const declared = declaredStandard(supports);
    const standards: Standards = declared ? [declared] : ['erc721', 'erc1155'];
    this.contracts.set(address, { standards, size: { bytes: 0 }, until: performance.now() + STANDARDS_TTL_MS });
    return standards;
  }

  private async callUris(
    address: string,
    readings: readonly Reading[],
    { standard, isLast }: { standard: TokenStandard; isLast: boolean },
    deadline: Deadline,
  ): Promise<void> {
    const calls = readings.map(({ request }) => callOf(address, URI_FUNCTIONS[standard], [request.tokenId]));
    const results = this.call(calls, deadline, this.contracts.get(address)?.size);
    await this.applyEach(readings, results, (result, before, request) => {
      if (result.kind === 'reverted') return strongerOf(before, result);
      // A fallback function accepted the call: this function is missing, but that of the other standard may exist.
      if (result.data === '0x' && !isLast) return before;
      return this.withBudget(address, toTokenUriResult(result.data, request, standard));
    });
  }

  /** For the rule `base_uri`, if the call for the token reverted. */
  private async callBaseUri(
    address: string,
    reverted: readonly Reading[],
    standard: TokenStandard,
    deadline: Deadline,
  ): Promise<void> {
    const readings = reverted.filter(({ request }) => request.uriRule === 'base_uri');
    if (readings.length === 0) return;
    const [base] = (await allOf(this.call([callOf(address, 'baseURI', [])], deadline))).map(toContractResult);
    for (const reading of readings) {
      if (base?.kind === 'node_error') reading.result = toUnreachable(base);
      if (base?.kind !== 'returned') continue;
      const uri = appendTokenId(decodeText(base.data) ?? '', reading.request.tokenId);
      if (uri !== '') reading.result = this.withBudget(address, { kind: 'token_uri', uri, standard });
    }
  }

  /** An ERC-721 token without an owner does not exist. */
  private async callOwners(address: string, reverted: readonly Reading[], deadline: Deadline): Promise<void> {
    const readings = reverted.filter(({ result }) => result.kind === 'reverted' && !result.saysNoToken);
    const calls = readings.map(({ request }) => callOf(address, 'ownerOf', [request.tokenId]));
    await this.applyEach(readings, this.call(calls, deadline), (result) =>
      toRevertedResult(result.kind === 'reverted' || (result.data !== '0x' && isZero(result.data))),
    );
  }

  /** Consumes results as they arrive, to free their memory. Stops calling once one exceeds the budget: the rest are busy. */
  private async applyEach(
    readings: readonly Reading[],
    results: AsyncIterable<RpcResult>,
    apply: (
      result: Exclude<ContractResult, { kind: 'node_error' }>,
      before: Reading['result'],
      request: TokenUriRequest,
    ) => Reading['result'],
  ): Promise<void> {
    const remaining = [...readings];
    for await (const rpcResult of results) {
      const result = toContractResult(rpcResult);
      const reading = remaining.shift()!;
      reading.result =
        result.kind === 'node_error' ? toUnreachable(result) : apply(result, reading.result, reading.request);
      if ('reason' in reading.result && reading.result.reason === 'busy') break;
    }
    for (const reading of remaining) reading.result = BUSY;
  }

  private withBudget(address: string, result: TokenUriResult): TokenUriResult {
    return result.kind !== 'token_uri' || this.budget.reserve(address, result) ? result : BUSY;
  }

  private call(calls: readonly RpcCall[], deadline: Deadline, size?: ResponseSize): AsyncIterable<RpcResult> {
    return this.rpc.call(calls, { deadline, faultOf: nodeErrorIn, ...(size && { size }) });
  }
}

/** What is no result of the contract may be one at another node. */
function nodeErrorIn(rpcResult: RpcResult): string | null {
  // Without reading its data, which may be long.
  if (rpcResult.kind === 'result' && typeof rpcResult.result === 'string') return null;
  const result = toContractResult(rpcResult);
  return result.kind === 'node_error' && !isOwnLimit(result.reason) ? result.reason : null;
}

async function allOf<T>(results: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const result of results) all.push(result);
  return all;
}

function callOf(address: string, name: string, args: unknown[]): RpcCall {
  return contractCall(ABI, address, { name, args });
}

function toTokenUriResult(data: string, request: TokenUriRequest, standard: TokenStandard): TokenUriResult {
  const text = decodeText(data);
  return text === null
    ? { kind: 'undecodable', reason: 'invalid_token_uri' }
    : toTokenUri(text, { ...request, standard });
}

function isReverted({ result }: Reading): boolean {
  return result.kind === 'reverted';
}

/** If both functions reverted, the one that says that the token does not exist counts. */
function strongerOf(before: Reading['result'], reverted: Reverted): Reverted {
  return before.kind === 'reverted' && before.saysNoToken ? before : reverted;
}

function toRevertedResult(isUnknownToken: boolean): NoTokenUri {
  return isUnknownToken
    ? { kind: 'no_token', reason: 'contract_reverted' }
    : { kind: 'unreachable', reason: 'contract_reverted' };
}
