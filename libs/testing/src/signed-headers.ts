import { Wallet } from 'ethers';

/** A wallet that signs, such as one of ethers. */
export interface SigningWallet {
  readonly address: string;
  /** An EIP-191 signature of the text: 65 bytes in hex. */
  signMessage(message: string): Promise<string>;
}

/** A new wallet, such as that of the owner of a project. */
export function randomWallet(): SigningWallet {
  return Wallet.createRandom();
}

/**
 * The headers of a request that this wallet signs, as the published SDK sends them. They name a second: routes that accept a
 * signature only once accept one request of a wallet in each second.
 */
export async function signedHeaders(wallet: SigningWallet, at = new Date()): Promise<Record<string, string>> {
  const timestamp = String(Math.floor(at.getTime() / 1000));
  const signature = await wallet.signMessage(timestamp);
  const recoveryId = Number.parseInt(signature.slice(-2), 16) - 27;
  return {
    'x-imx-eth-address': wallet.address,
    'x-imx-eth-timestamp': timestamp,
    'x-imx-eth-signature': `${signature.slice(0, -2)}0${recoveryId}`,
  };
}
