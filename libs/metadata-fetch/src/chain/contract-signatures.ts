import { Deadline } from '@app/safe-http';
import { Injectable } from '@nestjs/common';
import { Interface } from 'ethers';
import { ChainRpc } from './chain-rpc.js';
import { contractCall } from './contract-call.js';
import { isZero, nodeErrorAmong, toContractResult } from './contract-result.js';

const ABI = new Interface(['function isValidSignature(bytes32,bytes) view returns (bytes4)']);
/** The first word of a valid signature: the selector, and nothing behind it. ethers would accept any. */
const VALID = `0x1626ba7e${'0'.repeat(56)}`;
/** Far more than a multi-signature wallet needs, and the end of a loop. */
const GAS = 2_000_000;
const DEADLINE_MS = 5000;
/** Anybody can send wrong signatures in the name of an owner. */
const MAX_CONCURRENT = 8;
const NO_CODE_TTL_MS = 60_000;

/** Asks contracts whether a signature is theirs, as ERC-1271 defines it. */
@Injectable()
export class ContractSignatures {
  private concurrent = 0;
  /** Addresses without a contract, each with the time until which that is cached. */
  private readonly withoutCode = new Map<string, number>();

  constructor(private readonly rpc: ChainRpc) {}

  /** Whether there is a node of the chain. */
  supports(chainId: number): boolean {
    return this.rpc.find(chainId) !== undefined;
  }

  /**
   * `valid`: there is a contract, and it returns exactly what ERC-1271 prescribes. `unavailable`: no node responds, or too many
   * signatures are being checked. Within five seconds.
   */
  async verify({
    chainId,
    address,
    hash,
    signature,
  }: {
    chainId: number;
    address: string;
    hash: string;
    signature: string;
  }): Promise<'valid' | 'invalid' | 'unavailable'> {
    const rpc = this.rpc.find(chainId);
    const key = `${chainId} ${address}`;
    if (!rpc || (this.withoutCode.get(key) ?? -Infinity) > performance.now()) return 'invalid';
    if (this.concurrent >= MAX_CONCURRENT) return 'unavailable';
    this.concurrent += 1;
    const deadline = new Deadline(DEADLINE_MS);
    try {
      const calls = [
        { method: 'eth_getCode', params: [address, 'latest'] },
        contractCall(ABI, address, { name: 'isValidSignature', args: [hash, signature], gas: GAS }),
      ];
      const results = await rpc.callTogether(calls, { deadline, check: nodeErrorAmong });
      // The contract has returned more than any document may have.
      if (!Array.isArray(results)) return results.reason === 'too_large' ? 'invalid' : 'unavailable';
      const [code, result] = results.map(toContractResult);
      if (code!.kind !== 'returned' || isZero(code!.data)) {
        this.withoutCode.set(key, performance.now() + NO_CODE_TTL_MS);
        return 'invalid';
      }
      return result!.kind === 'returned' && result!.data.slice(0, VALID.length).toLowerCase() === VALID
        ? 'valid'
        : 'invalid';
    } finally {
      deadline.clear();
      this.concurrent -= 1;
    }
  }
}
