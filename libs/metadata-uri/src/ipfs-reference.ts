import { parseContentPath, type ContentPath } from './content-path.js';

/** A path in IPFS, whatever its spelling. */
export interface IpfsReference extends ContentPath {
  namespace: 'ipfs' | 'ipns';
}

/**
 * CIDv0, and CIDv1 in the common bases (base32, base58btc, base36, base16) with hashes of 32 bytes or more; and identity CIDs
 * in base32, which contain their content and may be short. A CID has no checksum, so parsing it would reject hardly more
 * than this pattern.
 */
const CID =
  /^(?:Qm[1-9A-HJ-NP-Za-km-z]{44}|b[a-z2-7]{58,112}|B[A-Z2-7]{58,112}|baf(?:kq|ya)a[a-z2-7]{2,112}|z[1-9A-HJ-NP-Za-km-z]{48,96}|k[0-9a-z]{55,112}|f[0-9a-f]{72,144})$/;

const DNS_NAME = /^(?=.{4,253}$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)+$/i;
const PEER_ID = /^12D3[1-9A-HJ-NP-Za-km-z]{48}$/;

/** Up to a delimiter, which may be encoded: `CID%2F1.json`. */
const BARE_ROOT = /^\/*([^/?#%]*)(?:[/?#]|%(?:25)*(?:2f|3f)|$)/i;
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
 * Parses `ipfs://CID/path` and its many misspellings, `ipns://`, `/ipfs/CID`, `dweb:CID` and a bare CID, after any number of slashes.
 * null: not an IPFS URI. 'invalid': an IPFS URI without a valid CID or name.
 */
export function parseIpfsReference(uri: string): IpfsReference | 'invalid' | null {
  const scheme = SCHEME.exec(uri);
  let namespace = scheme?.[1];
  let remaining = uri.slice(scheme?.[0].length);
  // A base in front repeats the namespace: `ipfs/ipfs/CID`. The last one counts.
  for (let match = NAMESPACE.exec(remaining); match; match = NAMESPACE.exec(remaining)) {
    namespace = match[1];
    remaining = remaining.slice(match[0].length);
  }
  if (namespace !== undefined) return toReference(namespace, remaining);
  const path = uri.replace(/^(?:dweb|fs):/i, '');
  return isCid(BARE_ROOT.exec(path)?.[1] ?? '') ? toReference('ipfs', path) : null;
}

/**
 * Finds an IPFS path behind another or a broken scheme, with or without a host: `dweb:/ipfs/CID`, `htt://host/ipfs/CID`.
 * null: there is none.
 */
export function findIpfsReference(uri: string): IpfsReference | null {
  const path = OTHER_SCHEME.exec(uri)?.[1];
  const reference = path === undefined ? null : parseIpfsReference(path);
  return reference === 'invalid' ? null : reference;
}

function toReference(namespaceText: string, text: string): IpfsReference | 'invalid' {
  const namespace = namespaceText.toLowerCase() === 'ipns' ? 'ipns' : 'ipfs';
  const content = parseContentPath(text);
  if (!content) return 'invalid';
  const valid = namespace === 'ipfs' ? isCid(content.root) : isIpnsName(content.root);
  return valid ? { namespace, ...content } : 'invalid';
}
