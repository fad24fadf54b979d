import { Deadline } from '@app/safe-http';
import { Inject, Injectable } from '@nestjs/common';
import { Interface } from 'ethers';
import { METADATA_FETCH_CONFIG, type MetadataFetchConfig } from '../metadata-fetch.options.js';
import { ChainRpc } from './chain-rpc.js';
import { contractCall } from './contract-call.js';
import { nodeErrorAmong, toContractResult, type ContractResult } from './contract-result.js';
import { interfaceCall, NOTHING, supports } from './erc165.js';
import type { JsonRpc } from './json-rpc.js';
import type { RpcCall } from './rpc-node.js';

/** Why: no node of the chain is known, or it fails for now; or these tokens can only be named, or found by their mints. */
export type NotEnumerableReason = 'no_node' | 'node_failed' | 'not_listed';

/** The tokens of a contract cannot be listed. The message says why. */
export class TokensNotEnumerable extends Error {
  override readonly name = 'TokensNotEnumerable';
  constructor(
    readonly reason: NotEnumerableReason,
    message: string,
  ) {
    super(message);
  }
}

const ABI = new Interface([
  'function totalSupply() view returns (uint256)',
  'function tokenByIndex(uint256) view returns (uint256)',
]);
const ENUMERABLE = '0x780e9d63';
/** Of one call: some contracts go through a list. */
const READ_GAS = 5_000_000;
const CALLS_PER_REQUEST = 100;
/** Nodes keep the state of a block for some minutes. Then all tokens are listed again, at the newest block. */
const MAX_BLOCKS = 5;

/** Lists the tokens of contracts that enumerate them (ERC-721 Enumerable). */
@Injectable()
export class ContractTokens {
  constructor(
    private readonly rpc: ChainRpc,
    @Inject(METADATA_FETCH_CONFIG) private readonly config: Pick<MetadataFetchConfig, 'rpcDeadlineMs'>,
  ) {}

  /**
   * All tokens that there were at one block: their order changes when one is burned, so all calls ask for the state of this block. At
   * most so many. Throws TokensNotEnumerable.
   */
  async list(
    { chainId, address }: { chainId: number; address: string },
    { maxTokens, signal }: { maxTokens: number; signal?: AbortSignal },
  ): Promise<string[]> {
    const rpc = this.rpc.find(chainId);
    if (!rpc) throw new TokensNotEnumerable('no_node', `There is no RPC URL for chain ${chainId}.`);
    for (let tried = 1; ; tried += 1) {
      const block = await this.newestBlock(rpc, signal);
      const tokenIds = await this.listAt(rpc, { address, block, maxTokens, mayBegin: tried < MAX_BLOCKS }, signal);
      if (tokenIds) return tokenIds;
    }
  }

  /** null: the node no longer has the state of this block. */
  private async listAt(
    rpc: JsonRpc,
    { address, block, maxTokens, mayBegin }: { address: string; block: string; maxTokens: number; mayBegin: boolean },
    signal: AbortSignal | undefined,
  ): Promise<string[] | null> {
    const supply = await this.readSupply(rpc, { address, block, maxTokens }, signal);
    const tokenIds = new Set<string>();
    for (let index = 0; index < supply; index += CALLS_PER_REQUEST) {
      const count = Math.min(CALLS_PER_REQUEST, supply - index);
      const calls = Array.from({ length: count }, (_, at) =>
        contractCall(ABI, address, { name: 'tokenByIndex', args: [index + at], gas: READ_GAS, block }),
      );
      const results = await this.call(rpc, calls, signal);
      if (typeof results === 'string') {
        if (tokenIds.size > 0 && mayBegin) return null;
        if (tokenIds.size > 0) {
          throw new TokensNotEnumerable(
            'not_listed',
            `The node does not keep the state of a block for long enough to list ${supply} tokens (${results}).`,
          );
        }
        throw new TokensNotEnumerable('node_failed', `The node of the chain fails (${results}).`);
      }
      for (const [at, result] of results.entries()) {
        const tokenId = toNumber(result);
        if (tokenId === null) {
          throw new TokensNotEnumerable(
            'not_listed',
            `tokenByIndex(${index + at}) of contract ${address} returns no token, though totalSupply() is ${supply}.`,
          );
        }
        if (tokenIds.has(String(tokenId))) {
          throw new TokensNotEnumerable(
            'not_listed',
            `tokenByIndex() of contract ${address} returns token ${tokenId} twice, so it does not list its tokens.`,
          );
        }
        tokenIds.add(String(tokenId));
      }
    }
    return [...tokenIds];
  }

  private async readSupply(
    rpc: JsonRpc,
    { address, block, maxTokens }: { address: string; block: string; maxTokens: number },
    signal: AbortSignal | undefined,
  ): Promise<number> {
    const calls = [
      interfaceCall(address, ENUMERABLE, block),
      interfaceCall(address, NOTHING, block),
      contractCall(ABI, address, { name: 'totalSupply', gas: READ_GAS, block }),
    ];
    const results = await this.call(rpc, calls, signal);
    if (typeof results === 'string')
      throw new TokensNotEnumerable('node_failed', `The node of the chain fails (${results}).`);
    const [declares, declaresNothing, supply] = results;
    if (!supports(declares) || supports(declaresNothing)) {
      throw new TokensNotEnumerable(
        'not_listed',
        `Contract ${address} does not declare that it lists its tokens (ERC-721 Enumerable).`,
      );
    }
    const count = toNumber(supply);
    if (count === null)
      throw new TokensNotEnumerable('not_listed', `totalSupply() of contract ${address} returns no number.`);
    if (count > BigInt(maxTokens)) {
      throw new TokensNotEnumerable(
        'not_listed',
        `Contract ${address} says that it has ${count} tokens; at most ${maxTokens} are listed.`,
      );
    }
    return Number(count);
  }

  private async newestBlock(rpc: JsonRpc, signal: AbortSignal | undefined): Promise<string> {
    const deadline = new Deadline(this.config.rpcDeadlineMs, signal);
    const check = ([result]: readonly { kind: string; result?: unknown }[]) =>
      result?.kind === 'result' && typeof result.result === 'string' && /^0x[0-9a-f]{1,13}$/i.test(result.result)
        ? null
        : 'no_result';
    const results = await rpc.callTogether([{ method: 'eth_blockNumber', params: [] }], { deadline, check });
    deadline.clear();
    const [block] = Array.isArray(results) ? results : [results];
    if (block?.kind === 'result') return block.result as string;
    throw new TokensNotEnumerable(
      'node_failed',
      `The node of the chain fails (${block?.kind === 'failed' ? block.reason : 'no_result'}).`,
    );
  }

  /** A text: why the node fails. */
  private async call(
    rpc: JsonRpc,
    calls: readonly RpcCall[],
    signal: AbortSignal | undefined,
  ): Promise<ContractResult[] | string> {
    const deadline = new Deadline(this.config.rpcDeadlineMs, signal);
    const results = await rpc.callTogether(calls, { deadline, check: nodeErrorAmong });
    deadline.clear();
    return Array.isArray(results) ? results.map(toContractResult) : results.reason;
  }
}

/** null: the contract did not return exactly one number. */
function toNumber(result: ContractResult | undefined): bigint | null {
  return result?.kind === 'returned' && result.data.length === 66 ? BigInt(result.data) : null;
}
