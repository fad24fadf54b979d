import type { ContractSignature, ContractWallets } from './contract-wallets.js';
import { WalletUnavailable } from './project-auth.errors.js';
import { mayBeOfContract } from './wallet-signature.js';

/** Asks a contract whether a signature is its own; not without a chain, and not for what is none. Throws WalletUnavailable. */
export async function isSignedByContract(
  contracts: ContractWallets,
  { chainId, ...claim }: Omit<ContractSignature, 'chainId'> & { chainId: number | undefined },
): Promise<boolean> {
  if (chainId === undefined || !mayBeOfContract(claim.signature)) return false;
  const { address, hash, signature } = claim;
  const verdict = await contracts.verify({ chainId, address, hash, signature });
  if (verdict === 'unavailable') throw new WalletUnavailable();
  return verdict === 'valid';
}
