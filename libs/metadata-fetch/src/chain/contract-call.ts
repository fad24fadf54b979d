import { Interface } from 'ethers';
import type { RpcCall } from './rpc-node.js';

/** Far more than any honest call needs, and the end of a loop. */
const READ_GAS = 15_000_000;

/** A call of a function of a contract, at the newest block or at this one. */
export function contractCall(
  abi: Interface,
  address: string,
  {
    name,
    args = [],
    gas = READ_GAS,
    block = 'latest',
  }: { name: string; args?: unknown[]; gas?: number; block?: string },
): RpcCall {
  const data = abi.encodeFunctionData(name, args);
  return { method: 'eth_call', params: [{ to: address, data, gas: `0x${gas.toString(16)}` }, block] };
}
