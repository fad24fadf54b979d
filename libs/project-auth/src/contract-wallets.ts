import { Injectable } from '@nestjs/common';

/** A signature that may be that of a contract. */
export interface ContractSignature {
  chainId: number;
  /** Lower case. */
  address: string;
  /** What was signed: 32 bytes, as `0x` and hex digits, like the next one. */
  hash: string;
  signature: string;
}

/**
 * Whether a contract accepts a signature. `unavailable`: nobody knows, because no node of the chain responds, or because too many
 * signatures are being checked.
 */
export type ContractVerdict = 'valid' | 'invalid' | 'unavailable';

/** Asks contracts whether a signature is theirs (ERC-1271). A port: NftRefreshModule provides it with the nodes of `rpcUrls`. */
export abstract class ContractWallets {
  /** Whether contracts of this chain can be asked. */
  abstract supports(chainId: number): boolean;

  /** Takes a few seconds at most. Never throws because of what a contract or a node does. */
  abstract verify(signature: ContractSignature): Promise<ContractVerdict>;
}

/** Without nodes, no signature is that of a contract. */
@Injectable()
export class NoContractWallets extends ContractWallets {
  override supports(): boolean {
    return false;
  }

  override async verify(): Promise<ContractVerdict> {
    return 'invalid';
  }
}
