import { isIP } from 'node:net';
import { isPublicAddress } from './ssrf-filter.js';
import { MAX_URL_LENGTH } from './safe-http.limits.js';
import type { RequestFailureReason } from './request-failure.js';

export interface UrlRules {
  /** Exactly these `host:port` pairs are exempt from the address and port rules. */
  allowedHosts: ReadonlySet<string>;
  /** Allowed besides 80 and 443. */
  extraPorts: ReadonlySet<number>;
}

export type CheckedUrl =
  { kind: 'url'; url: URL; isExempt: boolean } | { kind: 'refused'; reason: RequestFailureReason };

/**
 * Names reserved for this machine (RFC 6761), its link (RFC 6762) and its network (`.internal`, RFC 8375). No public host has
 * such a name, and even resolving one can reach neighbours: `.local` uses multicast.
 */
const PRIVATE_NAME = /(?:^|\.)(?:localhost|local|internal|home\.arpa)\.?$/;

/** Checks a URL before its name is resolved. The SSRF filter checks the addresses of the name at connect. */
export function checkUrl(text: string, rules: UrlRules): CheckedUrl {
  const url = text.length > MAX_URL_LENGTH ? null : URL.parse(text);
  // The length as sent: each non-ASCII letter takes six characters or more.
  if (!url || url.href.length > MAX_URL_LENGTH) return { kind: 'refused', reason: 'invalid_uri' };
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return { kind: 'refused', reason: 'unsupported_scheme' };
  if (url.username || url.password) return { kind: 'refused', reason: 'invalid_uri' };

  if (rules.allowedHosts.has(hostAndPort(url))) return { kind: 'url', url, isExempt: true };
  const port = portOf(url);
  if (isPrivateHost(url.hostname)) return { kind: 'refused', reason: 'blocked_address' };
  if (port !== 80 && port !== 443 && !rules.extraPorts.has(port)) return { kind: 'refused', reason: 'blocked_port' };
  return { kind: 'url', url, isExempt: false };
}

/** In the format of `allowedHosts`. */
export function hostAndPort(url: URL): string {
  return `${url.hostname}:${portOf(url)}`;
}

function portOf({ port, protocol }: URL): number {
  return Number(port || (protocol === 'https:' ? 443 : 80));
}

/** Expects the host name of a parsed URL, in which every spelling of an IPv4 address has become four decimals. */
export function isPrivateHost(hostname: string): boolean {
  // isIP matches several long patterns, and few hosts are addresses.
  const mayBeAddress = hostname.includes(':') || /\d$/.test(hostname);
  const literal = mayBeAddress ? hostname.replace(/^\[|\]$/g, '') : '';
  return isIP(literal) ? !isPublicAddress(literal) : PRIVATE_NAME.test(hostname);
}
