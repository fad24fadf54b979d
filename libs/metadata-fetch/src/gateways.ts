import type { ContentPath } from './content-path.js';
import { credentialHeaders } from './endpoint-credentials.js';
import type { IpfsReference } from './ipfs-reference.js';
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
}

interface Gateway {
  /** Without a slash at its end, without credentials. */
  base: string;
  /** Names and values, without `?`; may be a secret. */
  query: string;
  headers?: Record<string, string>;
}

export interface Gateways {
  ipfs: readonly Gateway[];
  arweave: readonly Gateway[];
  replacePublic: boolean;
}

type Candidates = [Candidate, ...Candidate[]];

const PUBLIC_IPFS = ['https://ipfs.io', 'https://dweb.link', 'https://gateway.pinata.cloud'];
const PUBLIC_ARWEAVE = ['https://arweave.net'];

/** Throws on an entry that is no http(s) URL: a gateway is the operator's own setting. */
export function parseGateways(options: GatewayOptions): Gateways {
  return {
    ipfs: parseList(options.ipfsGateways, PUBLIC_IPFS),
    arweave: parseList(options.arweaveGateways, PUBLIC_ARWEAVE),
    replacePublic: options.replacePublicGateways ?? true,
  };
}

export function ipfsCandidates({ ipfs }: Gateways, reference: IpfsReference): Candidates {
  return toCandidates(ipfs, `/${reference.namespace}/${reference.path}`, reference.query);
}

export function arweaveCandidates({ arweave }: Gateways, place: ContentPath): Candidates {
  return toCandidates(arweave, `/${place.path}`, place.query);
}

/** Where a browser may load it: a gateway that needs no credentials, since these are ours and not the reader's. */
export function publicIpfsUrl({ ipfs }: Gateways, { namespace, path, query }: IpfsReference): string {
  return `${openBase(ipfs, PUBLIC_IPFS)}/${namespace}/${path}${query}`;
}

export function publicArweaveUrl({ arweave }: Gateways, { path, query }: ContentPath): string {
  return `${openBase(arweave, PUBLIC_ARWEAVE)}/${path}${query}`;
}

function openBase(gateways: readonly Gateway[], fallback: readonly string[]): string {
  return gateways.find(({ query, headers }) => !query && !headers)?.base ?? fallback[0]!;
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

function parseList(entries: readonly string[] | undefined, fallback: readonly string[]): Gateway[] {
  const given = (entries ?? []).map((entry) => entry.trim()).filter((entry) => entry !== '');
  return (given.length > 0 ? given : fallback).map(parseGateway);
}

function parseGateway(entry: string): Gateway {
  // The entry may carry a secret, so the message must not repeat it.
  const url = URL.parse(entry);
  if (!url || !/^https?:$/.test(url.protocol)) throw new TypeError('A gateway must be an http or https URL');

  const headers = credentialHeaders(url);
  const base = `${url.origin}${url.pathname.replace(/\/+$/, '').replace(/\/(?:ipfs|ipns)$/, '')}`;
  const gateway = { base, query: url.search.slice(1) };
  return Object.keys(headers).length > 0 ? { ...gateway, headers } : gateway;
}
