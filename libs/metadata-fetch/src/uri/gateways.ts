import type { ArweaveReference, ContentReference, IpfsReference } from '@app/metadata-uri';
import { credentialHeaders, hostAndPort, isPrivateHost } from '@app/safe-http';
import type { Candidate } from './located-metadata.js';

export interface GatewayOptions {
  /**
   * Tried in order. A URL, with or without `/ipfs` at its end. Its credentials may be user info (sent as basic
   * authorization), a query, or headers after a `#`: `https://gateway.example/#x-gateway-token=secret`.
   */
  ipfsGateways?: string[] | undefined;
  /** The same for `ar://`. */
  arweaveGateways?: string[] | undefined;
  /** Ask our gateways first when a token URI names a well-known public one, which would throttle us. */
  replacePublicGateways?: boolean | undefined;
  /** `host:port` pairs that are exempt from the address filter. A gateway among them is for this deployment alone. */
  allowedHosts?: readonly string[] | undefined;
}

interface Gateway {
  /** Without a slash at its end, without credentials. */
  base: string;
  /** Names and values, without `?`; may be a secret. */
  query: string;
  headers?: Record<string, string>;
  /** Whether anybody may load from it: it needs no credentials, and is in no private network. */
  isOpen: boolean;
}

/** Plain data: a thread gets a copy of it. */
export interface Gateways {
  ipfs: readonly Gateway[];
  arweave: readonly Gateway[];
  replacePublic: boolean;
  allowedHosts: ReadonlySet<string>;
}

type Candidates = [Candidate, ...Candidate[]];

const PUBLIC_IPFS = ['https://ipfs.io', 'https://dweb.link', 'https://gateway.pinata.cloud'];
const PUBLIC_ARWEAVE = ['https://arweave.net'];

/** Throws on an entry that is no http(s) URL: a gateway is the operator's own setting. */
export function parseGateways(options: GatewayOptions): Gateways {
  const allowedHosts = new Set(options.allowedHosts);
  return {
    ipfs: parseList(options.ipfsGateways ?? [], PUBLIC_IPFS, allowedHosts),
    arweave: parseList(options.arweaveGateways ?? [], PUBLIC_ARWEAVE, allowedHosts),
    replacePublic: options.replacePublicGateways ?? true,
    allowedHosts,
  };
}

/** Where content may be asked for. */
export function contentCandidates(gateways: Gateways, content: ContentReference): Candidates {
  return content.namespace === 'ar' ? arweaveCandidates(gateways, content) : ipfsCandidates(gateways, content);
}

/** Where a browser may load content: never through a gateway of ours that only we can use. */
export function publicContentUrl(gateways: Gateways, content: ContentReference): string {
  return content.namespace === 'ar' ? publicArweaveUrl(gateways, content) : publicIpfsUrl(gateways, content);
}

export function ipfsCandidates({ ipfs }: Gateways, reference: IpfsReference): Candidates {
  return toCandidates(ipfs, `/${reference.namespace}/${reference.path}`, reference.query);
}

function arweaveCandidates({ arweave }: Gateways, { path, query }: ArweaveReference): Candidates {
  return toCandidates(arweave, `/${path}`, query);
}

export function publicIpfsUrl({ ipfs }: Gateways, { namespace, path, query }: IpfsReference): string {
  return `${openBase(ipfs, PUBLIC_IPFS)}/${namespace}/${path}${query}`;
}

function publicArweaveUrl({ arweave }: Gateways, { path, query }: ArweaveReference): string {
  return `${openBase(arweave, PUBLIC_ARWEAVE)}/${path}${query}`;
}

function openBase(gateways: readonly Gateway[], fallback: readonly string[]): string {
  return gateways.find(({ isOpen }) => isOpen)?.base ?? fallback[0]!;
}

function toCandidates(gateways: readonly Gateway[], path: string, query: string): Candidates {
  const [first, ...others] = gateways.map((gateway) => toCandidate(gateway, path, query));
  return [first!, ...others];
}

function toCandidate(gateway: Gateway, path: string, query: string): Candidate {
  const publicUrl = `${gateway.base}${path}${query}`;
  const url = gateway.query ? `${publicUrl}${query ? '&' : '?'}${gateway.query}` : publicUrl;
  return gateway.headers ? { url, publicUrl, headers: gateway.headers } : { url, publicUrl };
}

function parseList(
  entries: readonly string[],
  fallback: readonly string[],
  allowedHosts: ReadonlySet<string>,
): Gateway[] {
  const given = entries.map((entry) => entry.trim()).filter((entry) => entry !== '');
  return (given.length > 0 ? given : fallback).map((entry) => parseGateway(entry, allowedHosts));
}

function parseGateway(entry: string, allowedHosts: ReadonlySet<string>): Gateway {
  // The entry may carry a secret, so the message must not repeat it.
  const url = URL.parse(entry);
  if (!url || !/^https?:$/.test(url.protocol)) throw new TypeError('A gateway must be an http or https URL');

  const headers = credentialHeaders(url);
  const base = `${url.origin}${url.pathname.replace(/\/+$/, '').replace(/\/(?:ipfs|ipns)$/, '')}`;
  const query = url.search.slice(1);
  if (Object.keys(headers).length > 0) return { base, query, headers, isOpen: false };
  // A private network's gateway is exempt from the address filter, whatever its name: without that nobody could ask it.
  const isOpen = query === '' && !isPrivateHost(url.hostname) && !allowedHosts.has(hostAndPort(url));
  return { base, query, isOpen };
}
