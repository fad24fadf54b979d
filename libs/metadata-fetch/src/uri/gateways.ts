import type { ArweaveReference, ContentReference, IpfsReference } from '@app/metadata-uri';
import { credentialHeaders, hostAndPort, isPrivateHost } from '@app/safe-http';
import type { Candidate } from './located-metadata.js';

export interface GatewayOptions {
  /**
   * URLs, with or without `/ipfs` at the end, requested in this order. Credentials may be user info (sent as basic
   * authorization), a query, or headers after a `#`: `https://gateway.example/#x-gateway-token=secret`.
   */
  ipfsGateways?: string[] | undefined;
  /** The same for `ar://`. */
  arweaveGateways?: string[] | undefined;
  /** Whether to request the configured gateways first when a URL names a well-known public one, which would throttle. */
  replacePublicGateways?: boolean | undefined;
  /** `host:port` pairs that are exempt from the SSRF filter. Gateways among them are private to this deployment. */
  allowedHosts?: readonly string[] | undefined;
}

interface Gateway {
  /** Without a trailing slash and without credentials. */
  base: string;
  /** The query without `?`. May contain a secret. */
  query: string;
  headers?: Record<string, string>;
  /** Whether browsers can load from it: it needs no credentials and is not in a private network. */
  isPublic: boolean;
}

/** Plain data, so that it can be copied to a worker thread. */
export interface Gateways {
  ipfs: readonly Gateway[];
  arweave: readonly Gateway[];
  replacePublic: boolean;
  allowedHosts: ReadonlySet<string>;
}

type Candidates = [Candidate, ...Candidate[]];

const PUBLIC_IPFS = ['https://ipfs.io', 'https://dweb.link', 'https://gateway.pinata.cloud'];
const PUBLIC_ARWEAVE = ['https://arweave.net'];

/** Throws TypeError if an entry is not an http(s) URL. */
export function parseGateways(options: GatewayOptions): Gateways {
  const allowedHosts = new Set(options.allowedHosts);
  return {
    ipfs: parseList(options.ipfsGateways ?? [], PUBLIC_IPFS, allowedHosts),
    arweave: parseList(options.arweaveGateways ?? [], PUBLIC_ARWEAVE, allowedHosts),
    replacePublic: options.replacePublicGateways ?? true,
    allowedHosts,
  };
}

/** The URLs at which content can be requested. */
export function contentCandidates(gateways: Gateways, content: ContentReference): Candidates {
  return content.namespace === 'ar' ? arweaveCandidates(gateways, content) : ipfsCandidates(gateways, content);
}

/** A URL at which a browser can load content, never at a private gateway. */
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
  return `${publicBase(ipfs, PUBLIC_IPFS)}/${namespace}/${path}${query}`;
}

function publicArweaveUrl({ arweave }: Gateways, { path, query }: ArweaveReference): string {
  return `${publicBase(arweave, PUBLIC_ARWEAVE)}/${path}${query}`;
}

function publicBase(gateways: readonly Gateway[], fallback: readonly string[]): string {
  return gateways.find(({ isPublic }) => isPublic)?.base ?? fallback[0]!;
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
  // The entry may contain a secret, so the message does not repeat it.
  const url = URL.parse(entry);
  if (!url || !/^https?:$/.test(url.protocol)) throw new TypeError('A gateway must be an http or https URL');

  const headers = credentialHeaders(url);
  const base = `${url.origin}${url.pathname.replace(/\/+$/, '').replace(/\/(?:ipfs|ipns)$/, '')}`;
  const query = url.search.slice(1);
  if (Object.keys(headers).length > 0) return { base, query, headers, isPublic: false };
  // A gateway in a private network has to be in allowedHosts, so a host name from there is private as well.
  const isPublic = query === '' && !isPrivateHost(url.hostname) && !allowedHosts.has(hostAndPort(url));
  return { base, query, isPublic };
}
