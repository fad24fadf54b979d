import { Interface } from 'ethers';
import type { TokenStandard } from '../uri/erc1155-id.js';
import { contractCall } from './contract-call.js';
import { isTrue, type ContractResult } from './contract-result.js';
import type { RpcCall } from './rpc-node.js';

const ABI = new Interface(['function supportsInterface(bytes4) view returns (bool)']);
const [ERC165, NOTHING, ERC721, ERC1155] = ['0x01ffc9a7', '0xffffffff', '0x80ac58cd', '0xd9b67a26'];
/** ERC-165 allows 30,000, plus the base cost of a call. */
const GAS = 60_000;

/** The calls that ask a contract for its standard. */
export function standardCalls(address: string): RpcCall[] {
  return [ERC165, NOTHING, ERC721, ERC1155].map((id) =>
    contractCall(ABI, address, { name: 'supportsInterface', args: [id], gas: GAS }),
  );
}

/** From the results of these calls. null: the contract declares no standard, or both. */
export function declaredStandard(results: readonly ContractResult[]): TokenStandard | null {
  const [says165, saysNothing, says721, says1155] = results.map(
    (result) => result.kind === 'returned' && isTrue(result.data),
  );
  // A contract that supports the invalid id 0xffffffff returns true for everything.
  const isClear = says165 && !saysNothing && says721 !== says1155;
  if (!isClear) return null;
  return says721 ? 'erc721' : 'erc1155';
}
