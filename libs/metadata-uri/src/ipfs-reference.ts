import { parseContentPath, type ContentPath } from './content-path.js';

/** A place in IPFS, whatever spelling it came in. */
export interface IpfsReference extends ContentPath {
  namespace: 'ipfs' | 'ipns';
}

/**
 * CIDv0, and CIDv1 in the bases that are met: base32, base58btc, base36, base16, for hashes of 32 bytes and more; and
 * identity CIDs in base32, which hold their content and may be short. A CID carries no check digits, so parsing it would
 * refuse hardly more than this pattern does.
 */
const CID =
  /^(?:Qm[1-9A-HJ-NP-Za-km-z]{44}|b[a-z2-7]{58,112}|B[A-Z2-7]{58,112}|baf(?:kq|ya)a[a-z2-7]{2,112}|z[1-9A-HJ-NP-Za-km-z]{48,96}|k[0-9a-z]{55,112}|f[0-9a-f]{72,144})$/;

const DNS_NAME = /^(?=.{4,253}$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)+$/i;
const PEER_ID = /^12D3[1-9A-HJ-NP-Za-km-z]{48}$/;

const SCHEME = /^(ipfs|ipns):\/*/i;
const NAMESPACE = /^\/*(ipfs|ipns)\/+/i;
const OTHER_SCHEME = /^[a-z][a-z0-9+.-]*:\/*(?:[^/]+\/+)??(ip[fn]s\/.*)$/is;

export function isCid(text: string): boolean {
  return CID.test(text);
}

export function isIpnsName(text: string): boolean {
  return isCid(text) || PEER_ID.test(text) || DNS_NAME.test(text);
}

/**
 * Read `ipfs://CID/path` and its many misspellings, `ipns://`, `/ipfs/CID` and a bare CID, behind any number of slashes.
 * null: not about IPFS at all. 'invalid': about IPFS, but nothing that a gateway could answer.
 */
export function parseIpfsReference(uri: string): IpfsReference | 'invalid' | null {
  const scheme = SCHEME.exec(uri);
  let namespace = scheme?.[1];
  let rest = uri.slice(scheme?.[0].length);
  // More than once where a base was put before it: `ipfs/ipfs/CID`. The last one counts.
  for (let written = NAMESPACE.exec(rest); written; written = NAMESPACE.exec(rest)) {
    namespace = written[1];
    rest = rest.slice(written[0].length);
  }
  if (namespace !== undefined) return toReference(namespace, rest);
  return isCid(/^\/*([^/?#]*)/.exec(uri)![1]!) ? toReference('ipfs', uri) : null;
}

/**
 * `dweb:/ipfs/CID`, and `htt://host/ipfs/CID`, where the scheme is broken and what was meant is not: a scheme, perhaps a
 * host, and a path in IPFS. null: no such path.
 */
export function findIpfsReference(uri: string): IpfsReference | null {
  const path = OTHER_SCHEME.exec(uri)?.[1];
  const reference = path === undefined ? null : parseIpfsReference(path);
  return reference === 'invalid' ? null : reference;
}

function toReference(writtenNamespace: string, rest: string): IpfsReference | 'invalid' {
  const namespace = writtenNamespace.toLowerCase() === 'ipns' ? 'ipns' : 'ipfs';
  const place = parseContentPath(rest);
  if (!place) return 'invalid';
  const valid = namespace === 'ipfs' ? isCid(place.root) : isIpnsName(place.root);
  return valid ? { namespace, ...place } : 'invalid';
}
