import { parseContentPath, type ContentPath } from './content-path.js';

/** A place in IPFS, whatever spelling it came in. */
export interface IpfsReference extends ContentPath {
  namespace: 'ipfs' | 'ipns';
}

/**
 * CIDv0, and CIDv1 in the bases that are met: base32, base58btc, base36, base16, for hashes of 32 bytes and more.
 * A CID carries no check digits, so parsing it would refuse hardly more than this pattern does.
 */
const CID =
  /^(?:Qm[1-9A-HJ-NP-Za-km-z]{44}|b[a-z2-7]{58,112}|B[A-Z2-7]{58,112}|z[1-9A-HJ-NP-Za-km-z]{48,96}|k[0-9a-z]{55,112}|f[0-9a-f]{72,144})$/;

const DNS_NAME = /^(?=.{4,253}$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)+$/i;
const PEER_ID = /^12D3[1-9A-HJ-NP-Za-km-z]{48}$/;

const SCHEME = /^(ipfs|ipns):\/*/i;
const NAMESPACE = /^\/*(ipfs|ipns)\/+/i;
const BROKEN_SCHEME = /^[a-z][a-z0-9+.-]*:\/*[^/]+\/ipfs\//i;

export function isCid(text: string): boolean {
  return CID.test(text);
}

/**
 * Read `ipfs://CID/path` and its many misspellings, `ipns://`, `/ipfs/CID` and a bare CID.
 * null: not about IPFS at all. 'invalid': about IPFS, but nothing that a gateway could answer.
 */
export function parseIpfsReference(uri: string): IpfsReference | 'invalid' | null {
  const scheme = SCHEME.exec(uri);
  const rest = scheme ? uri.slice(scheme[0].length) : uri;
  const namespace = NAMESPACE.exec(rest);
  if (namespace) return toReference(namespace[1]!, rest.slice(namespace[0].length));
  if (scheme) return toReference(scheme[1]!, rest);
  return isCid(/^[^/?#]*/.exec(uri)![0]) ? toReference('ipfs', uri) : null;
}

/** `htt://host/ipfs/CID`: the scheme is broken, what was meant is not. */
export function findIpfsReference(uri: string): IpfsReference | null {
  const prefix = BROKEN_SCHEME.exec(uri);
  if (!prefix) return null;
  const reference = toReference('ipfs', uri.slice(prefix[0].length));
  return reference === 'invalid' ? null : reference;
}

function toReference(writtenNamespace: string, rest: string): IpfsReference | 'invalid' {
  const namespace = writtenNamespace.toLowerCase() === 'ipns' ? 'ipns' : 'ipfs';
  const place = parseContentPath(rest);
  if (!place) return 'invalid';
  const valid = namespace === 'ipfs' ? isCid(place.root) : isIpnsName(place.root);
  return valid ? { namespace, ...place } : 'invalid';
}

function isIpnsName(text: string): boolean {
  return isCid(text) || PEER_ID.test(text) || DNS_NAME.test(text);
}
