import { createHmac, timingSafeEqual } from 'node:crypto';

/** What a wallet signs to sign in to the console. */
export interface Challenge {
  /** The host and port that the browser shows. */
  domain: string;
  /** The origin. */
  uri: string;
  /** With its EIP-55 checksum. */
  address: string;
  chainId: number;
  issuedAt: Date;
  expiresAt: Date;
}

const FORM = new RegExp(
  [
    String.raw`^(?<domain>[^\s]{1,260}) wants you to sign in with your Ethereum account:`,
    '(?<address>0x[0-9a-fA-F]{40})',
    '',
    String.raw`Sign in to the refresh console\. This costs nothing, and allows nothing else\.`,
    '',
    String.raw`URI: (?<uri>[^\s]{1,300})`,
    'Version: 1',
    'Chain ID: (?<chainId>[1-9][0-9]{0,14})',
    'Nonce: (?<nonce>[0-9a-f]{32})',
    String.raw`Issued At: (?<issuedAt>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)`,
    String.raw`Expiration Time: (?<expiresAt>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)$`,
  ].join('\n'),
);

/** The text of EIP-4361. Its nonce is a MAC of everything else, so that only a text of ours is accepted and none is kept. */
export function formatChallenge(challenge: Challenge, key: Buffer): string {
  const { domain, uri, address, chainId, issuedAt, expiresAt } = challenge;
  return [
    `${domain} wants you to sign in with your Ethereum account:`,
    address,
    '',
    'Sign in to the refresh console. This costs nothing, and allows nothing else.',
    '',
    `URI: ${uri}`,
    'Version: 1',
    `Chain ID: ${chainId}`,
    `Nonce: ${nonceOf(challenge, key)}`,
    `Issued At: ${issuedAt.toISOString()}`,
    `Expiration Time: ${expiresAt.toISOString()}`,
  ].join('\n');
}

/** null: it is not a text that `formatChallenge` has made with this key. */
export function readChallenge(text: string, key: Buffer): Challenge | null {
  const parts = FORM.exec(text)?.groups;
  if (!parts) return null;
  const challenge: Challenge = {
    domain: parts['domain']!,
    uri: parts['uri']!,
    address: parts['address']!,
    chainId: Number(parts['chainId']),
    issuedAt: new Date(parts['issuedAt']!),
    expiresAt: new Date(parts['expiresAt']!),
  };
  if (Number.isNaN(challenge.issuedAt.getTime()) || Number.isNaN(challenge.expiresAt.getTime())) return null;
  const isOurs = timingSafeEqual(Buffer.from(parts['nonce']!), Buffer.from(nonceOf(challenge, key)));
  return isOurs ? challenge : null;
}

function nonceOf({ domain, uri, address, chainId, issuedAt, expiresAt }: Challenge, key: Buffer): string {
  const said = JSON.stringify([domain, uri, address, chainId, issuedAt.getTime(), expiresAt.getTime()]);
  return createHmac('sha256', key).update('console challenge').update(said).digest('hex').slice(0, 32);
}
