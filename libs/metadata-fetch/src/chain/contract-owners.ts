import { Deadline } from '@app/safe-http';
import { Injectable } from '@nestjs/common';
import { Interface } from 'ethers';
import { ChainRpc } from './chain-rpc.js';
import { contractCall } from './contract-call.js';
import { decodeAddress, isTrue, nodeErrorAmong, toContractResult } from './contract-result.js';

/**
 * The relation of a wallet to a contract. `owner`: `owner()` returns it (ERC-173) · `admin`: it has the default admin role of AccessControl ·
 * `stranger`: neither · `unavailable`: nobody knows, because no node responds, or because too many wallets are being checked.
 */
export type OwnershipVerdict = 'owner' | 'admin' | 'stranger' | 'unavailable';

const ABI = new Interface([
  'function owner() view returns (address)',
  'function hasRole(bytes32,address) view returns (bool)',
]);
const DEFAULT_ADMIN_ROLE = `0x${'0'.repeat(64)}`;
const GAS = 2_000_000;
const DEADLINE_MS = 5000;
/** Anybody with a project can ask about any collection. */
const MAX_CONCURRENT = 8;
const TTL_MS = 60_000;
const MAX_CACHED = 10_000;

/** Asks contracts who owns them. A verdict is cached for a minute, or until `forget`. */
@Injectable()
export class ContractOwners {
  private concurrent = 0;
  /** By contract and wallet, oldest first. */
  private readonly verdicts = new Map<string, { verdict: OwnershipVerdict; until: number }>();

  constructor(private readonly rpc: ChainRpc) {}

  /** Within five seconds. Never throws because of what a node or a contract does. Without a node of the chain: `stranger`. */
  async check({
    chainId,
    address,
    wallet,
  }: {
    chainId: number;
    /** Lower case, like `wallet`. */
    address: string;
    wallet: string;
  }): Promise<OwnershipVerdict> {
    const rpc = this.rpc.find(chainId);
    if (!rpc) return 'stranger';
    const key = `${chainId} ${address} ${wallet}`;
    const cached = this.verdicts.get(key);
    if (cached && cached.until > performance.now()) return cached.verdict;
    if (this.concurrent >= MAX_CONCURRENT) return 'unavailable';
    this.concurrent += 1;
    const deadline = new Deadline(DEADLINE_MS);
    try {
      const calls = [
        contractCall(ABI, address, { name: 'owner', gas: GAS }),
        contractCall(ABI, address, { name: 'hasRole', args: [DEFAULT_ADMIN_ROLE, wallet], gas: GAS }),
      ];
      const results = await rpc.callTogether(calls, { deadline, check: nodeErrorAmong });
      // The contract has returned more than any document may have.
      if (!Array.isArray(results)) return results.reason === 'too_large' ? 'stranger' : 'unavailable';
      const [owner, isAdmin] = results.map(toContractResult);
      const isOwner = owner?.kind === 'returned' && decodeAddress(owner.data) === wallet;
      const verdict = isOwner ? 'owner' : isAdmin?.kind === 'returned' && isTrue(isAdmin.data) ? 'admin' : 'stranger';
      this.remember(key, verdict);
      return verdict;
    } finally {
      deadline.clear();
      this.concurrent -= 1;
    }
  }

  /** The contract has another owner now. */
  forget({ chainId, address }: { chainId: number; address: string }): void {
    for (const key of this.verdicts.keys()) if (key.startsWith(`${chainId} ${address} `)) this.verdicts.delete(key);
  }

  private remember(key: string, verdict: OwnershipVerdict): void {
    this.verdicts.delete(key);
    this.verdicts.set(key, { verdict, until: performance.now() + TTL_MS });
    const [oldest] = this.verdicts.keys();
    if (this.verdicts.size > MAX_CACHED) this.verdicts.delete(oldest!);
  }
}
