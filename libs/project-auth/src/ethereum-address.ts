import { getAddress } from 'ethers';

/** The address with its EIP-55 checksum; null for what is none, also when the letters' case is a wrong checksum. */
export function parseAddress(text: string): string | null {
  if (!/^0x[0-9a-fA-F]{40}$/.test(text)) return null;
  try {
    return getAddress(text);
  } catch {
    return null;
  }
}
