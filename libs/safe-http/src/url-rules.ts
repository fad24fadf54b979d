import { isIP } from 'node:net';
import { isPublicAddress } from './ssrf-filter.js';
import { MAX_URL_LENGTH } from './safe-http.limits.js';
import type { RequestFailureReason } from './request-failure.js';

export interface UrlRules {
  /** `host:port` pairs that are exempt from the address and port rules, and nothing else is. */
  allowedHosts: ReadonlySet<string>;
  /** Besides 80 and 443. */
  extraPorts: ReadonlySet<number>;
}

export type CheckedUrl =
  { kind: 'url'; url: URL; isExempt: boolean } | { kind: 'refused'; reason: RequestFailureReason };

/**
 * Names that are reserved for this machine (RFC 6761), its link (RFC 6762) and its network (`.internal`, RFC 8375). No
 * public host has one, and the question alone would reach the neighbours: `.local` is resolved by multicast.
 */
const PRIVATE_NAME = /(?:^|\.)(?:localhost|local|internal|home\.arpa)\.?$/;

/** What can be said about a URL before anything is resolved. Other names are checked when they are dialled. */
export function checkUrl(text: string, rules: UrlRules): CheckedUrl {
  const url = text.length > MAX_URL_LENGTH ? null : URL.parse(text);
  // As it would be sent: each letter beyond ASCII takes six characters or more.
  if (!url || url.href.length > MAX_URL_LENGTH) return { kind: 'refused', reason: 'invalid_uri' };
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return { kind: 'refused', reason: 'unsupported_scheme' };
  if (url.username || url.password) return { kind: 'refused', reason: 'invalid_uri' };

  if (rules.allowedHosts.has(hostAndPort(url))) return { kind: 'url', url, isExempt: true };
  const port = portOf(url);
  if (isPrivateHost(url.hostname)) return { kind: 'refused', reason: 'blocked_address' };
  if (port !== 80 && port !== 443 && !rules.extraPorts.has(port)) return { kind: 'refused', reason: 'blocked_port' };
  return { kind: 'url', url, isExempt: false };
}

/** As exemptions are written. */
export function hostAndPort(url: URL): string {
  return `${url.hostname}:${portOf(url)}`;
}

function portOf({ port, protocol }: URL): number {
  return Number(port || (protocol === 'https:' ? 443 : 80));
}

/** The URL parser has brought every spelling of an IPv4 address (octal, hexadecimal, one number) to four decimals. */
export function isPrivateHost(hostname: string): boolean {
  const literal = hostname.replace(/^\[|\]$/g, '');
  return isIP(literal) ? !isPublicAddress(literal) : PRIVATE_NAME.test(hostname);
}
