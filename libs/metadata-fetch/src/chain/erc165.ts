import { Interface } from 'ethers';
import type { TokenStandard } from '../uri/erc1155-id.js';
import { contractCall } from './contract-call.js';
import { isTrue, type ContractResult } from './contract-result.js';
import type { RpcCall } from './rpc-node.js';

const ABI = new Interface(['function supportsInterface(bytes4) view returns (bool)']);
const [ERC165, ERC721, ERC1155] = ['0x01ffc9a7', '0x80ac58cd', '0xd9b67a26'];
/** The invalid id: a contract that supports it returns true for everything. */
export const NOTHING = '0xffffffff';
/** ERC-165 allows 30,000, plus the base cost of a call. */
const GAS = 60_000;

/** The calls that ask a contract for its standard. */
export function standardCalls(address: string): RpcCall[] {
  return [ERC165, NOTHING, ERC721, ERC1155].map((id) => interfaceCall(address, id!));
}

/** Asks whether a contract supports this interface, at the newest block or at this one. */
export function interfaceCall(address: string, id: string, block?: string): RpcCall {
  return contractCall(ABI, address, { name: 'supportsInterface', args: [id], gas: GAS, ...(block && { block }) });
}

/** Whether the contract has said yes. */
export function supports(result: ContractResult | undefined): boolean {
  return result?.kind === 'returned' && isTrue(result.data);
}

/** From the results of these calls. null: the contract declares no standard, or both. */
export function declaredStandard(results: readonly ContractResult[]): TokenStandard | null {
  const [says165, saysNothing, says721, says1155] = results.map(supports);
  const isClear = says165 && !saysNothing && says721 !== says1155;
  if (!isClear) return null;
  return says721 ? 'erc721' : 'erc1155';
}
