import { Deadline } from '@app/safe-http';
import { Inject, Injectable } from '@nestjs/common';
import { Interface } from 'ethers';
import { readText, truncate } from '../document/document-text.js';
import { sanitizeForPostgres } from '../document/sanitize-for-postgres.js';
import { METADATA_FETCH_CONFIG, type MetadataFetchConfig } from '../metadata-fetch.options.js';
import type { TokenStandard } from '../uri/erc1155-id.js';
import { ChainRpc } from './chain-rpc.js';
import { contractCall } from './contract-call.js';
import {
  decodeAddress,
  decodeText,
  isZero,
  nodeErrorAmong,
  toContractResult,
  toUnreachable,
  type UnreachableContract,
} from './contract-result.js';
import { declaredStandard, standardCalls } from './erc165.js';

/** What the functions of a contract return about itself. null: nothing, or nothing usable. */
export interface ContractDetails {
  /** As it declares by ERC-165. */
  standard: TokenStandard | null;
  /** ERC-173, lower case. */
  owner: string | null;
  name: string | null;
  symbol: string | null;
  /** The URI of its own document (ERC-7572), in any form that a token URI may have. */
  contractUri: string | null;
}

const ABI = new Interface([
  'function owner() view returns (address)',
  'function name() view returns (string)',
  'function symbol() view returns (string)',
  'function contractURI() view returns (string)',
]);
const SHORT_GAS = 2_000_000;
const MAX_TEXT_LENGTH = 255;

/** Asks contracts what they say of themselves. */
@Injectable()
export class ContractDetailsReader {
  constructor(
    private readonly rpc: ChainRpc,
    @Inject(METADATA_FETCH_CONFIG) private readonly config: Pick<MetadataFetchConfig, 'rpcDeadlineMs'>,
  ) {}

  /** In one request. Never throws because of what a node or a contract does. */
  async read(
    { chainId, address }: { chainId: number; address: string },
    signal?: AbortSignal,
  ): Promise<ContractDetails | UnreachableContract> {
    const calls = [
      { method: 'eth_getCode', params: [address, 'latest'] },
      ...standardCalls(address),
      contractCall(ABI, address, { name: 'owner', gas: SHORT_GAS }),
      contractCall(ABI, address, { name: 'name', gas: SHORT_GAS }),
      contractCall(ABI, address, { name: 'symbol', gas: SHORT_GAS }),
      contractCall(ABI, address, { name: 'contractURI' }),
    ];
    const deadline = new Deadline(this.config.rpcDeadlineMs, signal);
    const results = await this.rpc.find(chainId)?.callTogether(calls, { deadline, check: nodeErrorAmong });
    deadline.clear();
    if (!results) return toUnreachable({ reason: 'rpc_error' });
    if (!Array.isArray(results)) return toUnreachable(results);
    const [code, ...said] = results.map(toContractResult);
    const dataOf = (index: number) => {
      const result = said[index];
      return result?.kind === 'returned' ? result.data : '0x';
    };
    if (code?.kind === 'returned' && isZero(code.data)) return { kind: 'unreachable', reason: 'no_contract' };
    const contractUri = decodeText(dataOf(7))?.trim() ?? '';
    return {
      standard: declaredStandard(said.slice(0, 4)),
      owner: decodeAddress(dataOf(4)),
      name: shortText(dataOf(5)),
      symbol: shortText(dataOf(6)),
      contractUri: contractUri === '' ? null : contractUri,
    };
  }
}

function shortText(data: string): string | null {
  const text = decodeText(data);
  const shown = text === null ? null : readText(sanitizeForPostgres(text), (unchanged) => unchanged);
  return shown === null ? null : truncate(shown, MAX_TEXT_LENGTH);
}
