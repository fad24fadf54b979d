import { getAddress } from 'ethers';

/** The address with its EIP-55 checksum; null if the text is not an address, or is in mixed case with a wrong checksum. */
export function parseAddress(text: string): string | null {
  if (!/^0x[0-9a-fA-F]{40}$/.test(text)) return null;
  try {
    return getAddress(text);
  } catch {
    return null;
  }
}
