import { parseArweaveReference } from './arweave-reference.js';
import type { ContentReference } from './content-reference.js';
import { isCid, isIpnsName, parseIpfsReference } from './ipfs-reference.js';

/** What a well-known gateway was asked for. */
export interface GatewayUrl {
  content: ContentReference;
  /** Where the gateway still is; null where it is gone, or never answered to this. */
  url: URL | null;
}

/** Hosts that serve any CID. */
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
/** Hosts that did: they are gone, and their URLs are still in many contracts and documents. */
const GONE_IPFS_HOSTS = new Set([
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
  const host = withoutDot(hostname);
  return isIpfsHost(host) || ARWEAVE_HOSTS.has(host);
}

/** null: another host, or a path that names no content. */
export function parseGatewayUrl(url: URL): GatewayUrl | null {
  const host = withoutDot(url.hostname);
  if (ARWEAVE_HOSTS.has(host)) return toGatewayUrl(parseArweaveReference(`ar:${pathOf(url)}`), url);
  if (isIpfsHost(host)) {
    const called = parseApiCall(url);
    if (called) return { content: called, url: null };
    const named = withFileName(url);
    // Right behind a CID, `#` is a fragment: no CID has one.
    const asked = parseContentInPath(named) ? named : url;
    return toGatewayUrl(parseContentInPath(asked), GONE_IPFS_HOSTS.has(host) ? null : asked);
  }
  const [, label = '', namespace = '', gateway = ''] = /^([^.]+)\.(ipfs|ipns)\.(.+)$/.exec(host) ?? [];
  const root = namespace === 'ipns' ? toIpnsName(label) : label;
  if (!isIpfsHost(gateway) || !(namespace === 'ipns' ? isIpnsName(root) : isCid(root))) return null;
  const asked = withFileName(url);
  const content = parseIpfsReference(`${namespace}://${root}${pathOf(asked)}`);
  return toGatewayUrl(content, GONE_IPFS_HOSTS.has(gateway) ? null : asked);
}

/** `/ipfs/CID`, as every gateway has it. null: another path. */
export function parseContentInPath(url: URL): ContentReference | null {
  const path = pathOf(url);
  const reference = /^\/+ip[fn]s\//i.test(path) ? parseIpfsReference(path) : null;
  return reference === 'invalid' ? null : reference;
}

/** The API of a node, which gateways once passed on: `/api/v0/cat/CID`, `/api/v0/cat?arg=CID`. */
function parseApiCall(url: URL): ContentReference | null {
  const [, inPath] = /^\/api\/v0\/cat\/?(.*)$/.exec(url.pathname) ?? [];
  if (inPath === undefined) return null;
  const reference = parseIpfsReference(inPath || (url.searchParams.get('arg') ?? ''));
  return reference === 'invalid' ? null : reference;
}

/** `#` in a file name ("Fox #1.png") is no fragment, though a URL parser takes it for one. Fragments end in no suffix. */
function withFileName(url: URL): URL {
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
  return IPFS_HOSTS.has(host) || GONE_IPFS_HOSTS.has(host) || host.endsWith('.mypinata.cloud');
}

/** As a label of a subdomain writes a DNS name: `-` for its dots, `--` for its hyphens. */
function toIpnsName(label: string): string {
  return isIpnsName(label) ? label : label.replace(/--?/g, (hyphens) => (hyphens === '--' ? '-' : '.'));
}

/** A name may end in a dot: it is the same one. */
function withoutDot(hostname: string): string {
  return hostname.replace(/\.$/, '');
}

function pathOf({ pathname, search }: URL): string {
  return `${pathname}${search}`;
}
