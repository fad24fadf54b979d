import { hashMessage, verifyMessage } from 'ethers';
import { parseAddress } from './ethereum-address.js';

/** The values of the three headers as received; an absent one is undefined. */
export interface SignatureHeaders {
  address: string | undefined;
  timestamp: string | undefined;
  signature: string | undefined;
}

export type SignatureRefusal =
  'signature_incomplete' | 'invalid_address' | 'invalid_timestamp' | 'timestamp_out_of_window' | 'invalid_signature';

export type SignatureCheck =
  | { kind: 'signed'; address: string; timestampSeconds: number }
  | {
      kind: 'refused';
      reason: SignatureRefusal;
      message: string;
      /** Only a contract at this address can still say that the signature is its own. */
      claim?: { address: string; timestampSeconds: number; hash: string; signature: string };
    };

/** Ten digits: whole seconds between 2001 and 2286. */
const SECONDS = /^[1-9][0-9]{9}$/;
const MILLISECONDS = /^[1-9][0-9]{12}$/;
/** Signatures of contracts have any length; those of wallets with many owners some kilobytes. */
const BYTES = /^0x(?:[0-9a-f]{2}){0,4096}$/i;
/** Whether a signature has the form of one by a contract. */
export function mayBeOfContract(signature: string): boolean {
  return BYTES.test(signature);
}

/** The end of a signature by a contract that is yet to be deployed. */
const ERC6492 = /(?:6492){16}$/;

/**
 * Checks that `address` signed the timestamp: EIP-191 `personal_sign` over the header's decimal text, byte for byte, and
 * nothing else. A signature has 65 bytes with v as 00/01 (as the published SDK sends it), 1b/1c or in the form of EIP-155,
 * or 64 bytes (EIP-2098). Never throws because of a header's value.
 */
export function checkWalletSignature(headers: SignatureHeaders, now: Date, windowSeconds: number): SignatureCheck {
  const { address, timestamp, signature } = headers;
  if (!address || !timestamp || !signature) {
    return refuse(
      'signature_incomplete',
      'A signed request has three headers: x-imx-eth-address, x-imx-eth-timestamp and x-imx-eth-signature.',
    );
  }
  const claimed = parseAddress(address);
  if (!claimed) {
    return refuse(
      'invalid_address',
      'x-imx-eth-address is not an address: 0x and 40 hex digits, with a valid checksum if in mixed case.',
    );
  }
  if (!SECONDS.test(timestamp)) {
    return refuse(
      'invalid_timestamp',
      MILLISECONDS.test(timestamp)
        ? 'x-imx-eth-timestamp is in milliseconds; it must be in whole seconds.'
        : 'x-imx-eth-timestamp is not a UNIX time in whole seconds, in decimal digits.',
    );
  }
  const serverSeconds = Math.floor(now.getTime() / 1000);
  if (Math.abs(serverSeconds - Number(timestamp)) > windowSeconds) {
    return refuse(
      'timestamp_out_of_window',
      `x-imx-eth-timestamp is more than ${windowSeconds} seconds from the time of the service, which is ${serverSeconds}.`,
    );
  }
  const signer = { address: claimed.toLowerCase(), timestampSeconds: Number(timestamp) };
  if (recoverSigner(timestamp, signature) === claimed) return { kind: 'signed', ...signer };
  if (ERC6492.test(signature)) {
    return refuse(
      'invalid_signature',
      'x-imx-eth-signature is of a wallet that is not deployed yet (ERC-6492): deploy the wallet first.',
    );
  }
  const refusal = refuse(
    'invalid_signature',
    'x-imx-eth-signature is not a signature of x-imx-eth-timestamp by x-imx-eth-address.',
  );
  return mayBeOfContract(signature)
    ? { ...refusal, claim: { ...signer, hash: hashMessage(timestamp), signature } }
    : refusal;
}

function refuse(reason: SignatureRefusal, message: string): Extract<SignatureCheck, { kind: 'refused' }> {
  return { kind: 'refused', reason, message };
}

/** The checksummed address that signed this text (EIP-191); null if the signature is not valid. */
export function recoverSigner(message: string, signature: string): string | null {
  if (!/^0x[0-9a-fA-F]{130}$/.test(signature) && !/^0x[0-9a-fA-F]{128}$/.test(signature)) return null;
  try {
    return verifyMessage(message, signature);
  } catch {
    return null; // no point on the curve, a high s, an unknown v
  }
}
