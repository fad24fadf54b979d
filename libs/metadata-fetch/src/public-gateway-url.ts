import { parseArweaveReference } from './arweave-reference.js';
import type { ContentPath } from './content-path.js';
import { isCid, parseIpfsReference, type IpfsReference } from './ipfs-reference.js';

export type PublicPlace =
  { network: 'ipfs'; reference: IpfsReference } | { network: 'arweave'; reference: ContentPath };

/** Hosts that serve any CID, or did: some are gone, and their URLs are still in many contracts. */
const IPFS_HOSTS = new Set([
  '4everland.io',
  'cf-ipfs.com',
  'cloudflare-ipfs.com',
  'dweb.link',
  'flk-ipfs.xyz',
  'gateway.ipfs.io',
  'gateway.pinata.cloud',
  'infura-ipfs.io',
  'ipfs.fleek.co',
  'ipfs.infura.io',
  'ipfs.io',
  'nftstorage.link',
  'w3s.link',
]);
const ARWEAVE_HOSTS = new Set(['arweave.dev', 'arweave.net', 'www.arweave.net']);

/** What a well-known public gateway was asked for. null: another host, or a path that names no content. */
export function parsePublicGatewayUrl(url: URL): PublicPlace | null {
  const host = url.hostname;
  const rest = `${url.pathname}${url.search}`;
  if (ARWEAVE_HOSTS.has(host)) return asArweave(parseArweaveReference(`ar:${rest}`));
  if (IPFS_HOSTS.has(host) || host.endsWith('.mypinata.cloud')) {
    return /^\/ip[fn]s\//.test(rest) ? asIpfs(parseIpfsReference(rest)) : null;
  }
  const [, cid = '', gateway = ''] = /^([^.]+)\.ipfs\.(.+)$/.exec(host) ?? [];
  return isCid(cid) && IPFS_HOSTS.has(gateway) ? asIpfs(parseIpfsReference(`ipfs://${cid}${rest}`)) : null;
}

function asIpfs(reference: IpfsReference | 'invalid' | null): PublicPlace | null {
  return reference && reference !== 'invalid' ? { network: 'ipfs', reference } : null;
}

function asArweave(reference: ContentPath | 'invalid' | null): PublicPlace | null {
  return reference && reference !== 'invalid' ? { network: 'arweave', reference } : null;
}
