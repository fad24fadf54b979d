import { parseArweaveReference } from './arweave-reference.js';
import type { ContentReference } from './content-reference.js';
import { isCid, isIpnsName, parseIpfsReference } from './ipfs-reference.js';

/** A URL at a well-known gateway. */
export interface GatewayUrl {
  content: ContentReference;
  /** The URL to request; null if the gateway has shut down, or does not serve this path. */
  url: URL | null;
}

/** Gateways that serve any CID. */
const IPFS_HOSTS = new Set([
  '4everland.io',
  'dweb.link',
  'flk-ipfs.xyz',
  'gateway.ipfs.io',
  'gateway.pinata.cloud',
  'infura-ipfs.io',
  'inbrowser.link',
  'ipfs.io',
  'nftstorage.link',
  'trustless-gateway.link',
  'w3s.link',
]);
/** Gateways that have shut down; their URLs are still in many contracts and documents. */
const SHUT_DOWN_IPFS_HOSTS = new Set([
  'cf-ipfs.com',
  'cloudflare-ipfs.com',
  'gateway.moralisipfs.com',
  'gateway.temporal.cloud',
  'hardbin.com',
  'ipfs.eternum.io',
  'ipfs.fleek.co',
  'ipfs.gitcoin.co',
  'ipfs.infura.io',
  'ipfs.moralis.io',
  'jorropo.net',
]);
const ARWEAVE_HOSTS = new Set(['arweave.dev', 'arweave.net', 'www.arweave.net']);

export function isGatewayHost(hostname: string): boolean {
  const host = withoutTrailingDot(hostname);
  return isIpfsHost(host) || ARWEAVE_HOSTS.has(host);
}

/** null: another host, or a path without content. */
export function parseGatewayUrl(url: URL): GatewayUrl | null {
  const host = withoutTrailingDot(url.hostname);
  if (ARWEAVE_HOSTS.has(host)) return toGatewayUrl(parseArweaveReference(`ar:${pathOf(url)}`), url);
  if (isIpfsHost(host)) {
    const apiContent = parseApiPath(url);
    if (apiContent) return { content: apiContent, url: null };
    const withFileName = encodeHashInFileName(url);
    // Directly after a CID, `#` is a fragment: no CID has one.
    const requested = parseContentInPath(withFileName) ? withFileName : url;
    return toGatewayUrl(parseContentInPath(requested), SHUT_DOWN_IPFS_HOSTS.has(host) ? null : requested);
  }
  const gateway = SUBDOMAINS.exec(host)?.[3] ?? '';
  if (!isIpfsHost(gateway)) return null;
  const requested = encodeHashInFileName(url);
  return toGatewayUrl(parseContentInHost(requested), SHUT_DOWN_IPFS_HOSTS.has(gateway) ? null : requested);
}

const SUBDOMAINS = /^([^.]+)\.(ipfs|ipns)\.(.+)$/;

/** Parses `CID.ipfs.host` and `NAME.ipns.host`, the other form of the URLs of every gateway. null: another host. */
function parseContentInHost(url: URL): ContentReference | null {
  const [, label = '', namespace = ''] = SUBDOMAINS.exec(withoutTrailingDot(url.hostname)) ?? [];
  const root = namespace === 'ipns' ? toIpnsName(label) : label;
  if (!(namespace === 'ipns' ? isIpnsName(root) : isCid(root))) return null;
  const reference = parseIpfsReference(`${namespace}://${root}${pathOf(url)}`);
  return reference === 'invalid' ? null : reference;
}

/** Parses a URL of a gateway at any host. null: a URL without content. */
export function parseContentAtAnyHost(url: URL): ContentReference | null {
  return parseContentInPath(url) ?? parseContentInHost(url);
}

/** Parses `/ipfs/CID`, the path of every gateway. null: another path. */
function parseContentInPath(url: URL): ContentReference | null {
  const path = pathOf(url);
  const reference = /^\/+ip[fn]s\//i.test(path) ? parseIpfsReference(path) : null;
  return reference === 'invalid' ? null : reference;
}

/** Parses `/api/v0/cat/CID` and `/api/v0/cat?arg=CID`, the API of a node, which gateways once exposed. */
function parseApiPath(url: URL): ContentReference | null {
  const [, inPath] = /^\/api\/v0\/cat\/?(.*)$/.exec(url.pathname) ?? [];
  if (inPath === undefined) return null;
  const reference = parseIpfsReference(inPath || (url.searchParams.get('arg') ?? ''));
  return reference === 'invalid' ? null : reference;
}

/** Encodes a `#` in a file name ("Fox #1.png"), which a URL parser takes for a fragment. Fragments have no file extension. */
function encodeHashInFileName(url: URL): URL {
  if (url.search !== '' || !/^#(?![/!])[^?=&]*\.[a-z][a-z0-9]{1,4}$/i.test(url.hash)) return url;
  const named = new URL(url);
  named.hash = '';
  named.pathname = `${url.pathname}%23${url.hash.slice(1)}`;
  return named;
}

function toGatewayUrl(content: ContentReference | 'invalid' | null, url: URL | null): GatewayUrl | null {
  return content === null || content === 'invalid' ? null : { content, url };
}

function isIpfsHost(host: string): boolean {
  return IPFS_HOSTS.has(host) || SHUT_DOWN_IPFS_HOSTS.has(host) || host.endsWith('.mypinata.cloud');
}

/** Decodes a DNS name from a subdomain label, in which `-` stands for a dot and `--` for a hyphen. */
function toIpnsName(label: string): string {
  return isIpnsName(label) ? label : label.replace(/--?/g, (hyphens) => (hyphens === '--' ? '-' : '.'));
}

/** A trailing dot makes a name fully qualified; it names the same host. */
function withoutTrailingDot(hostname: string): string {
  return hostname.replace(/\.$/, '');
}

function pathOf({ pathname, search }: URL): string {
  return `${pathname}${search}`;
}
