import { isGatewayHost } from './gateway-url.js';
import type { ParsedUri } from './parsed-uri.js';
import { MAX_URI_LENGTH } from './uri-limits.js';

/** More is no mistake of anybody's, but made to take time: the rest is not looked at. */
const MAX_NESTED = 12;

/** Behind a slash or a colon: a scheme, or the header of a `data:` URI; behind `/ipfs/` also a host without its scheme. */
const BEGINNING =
  /(?<=[/:])(?:(?:ipfs|ipns|ar|arweave|dweb|fs):|https?:\/|data:[\w.+\-/;="' ]{0,200},)|(?<=\/ipfs\/)[a-z0-9-]+(?:\.[a-z0-9-]+)+\/ip[fn]s\//gi;

/** Where other URIs may begin in the path of this one. */
export function findNestedUris(uri: string): number[] {
  const starts: number[] = [];
  for (const { 0: beginning, index } of pathPart(uri).matchAll(BEGINNING)) {
    starts.push(index);
    // What a data URI holds is not part of the nesting.
    if (/^data:/i.test(beginning) || starts.length === MAX_NESTED) break;
  }
  return starts;
}

/** As much as is looked through. What follows a `?` or `#`, encoded or not, is a parameter, and no nesting. */
export function pathPart(uri: string): string {
  return /^(?:(?!%3f|%23)[^?#])*/i.exec(uri.slice(0, MAX_URI_LENGTH))![0];
}

/**
 * Whether what stands before a URI is a base that was put there by mistake. Where that URI is content, or the content
 * itself, nothing else can be meant: whatever a proxy in front of it would have served is the same. Of another host's URL
 * that is so only behind what is no host, a gateway, or the same host: proxies and archives are addressed like this.
 */
export function isBaseOf(base: string, inner: ParsedUri): boolean {
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(base)?.[1];
  if (scheme !== undefined && !/^(?:https?|ipfs|ipns|ar|arweave|dweb|fs)$/i.test(scheme)) return false;
  if (inner.kind === 'content' || inner.kind === 'data') return true;
  if (inner.kind !== 'url') return false;
  if (inner.content || !/^https?$/i.test(scheme ?? '')) return true;
  if (/\/ip[fn]s\/+$/i.test(base) || /^https?:\/*$/i.test(base)) return true;
  const hostname = URL.parse(base)?.hostname ?? '';
  return isGatewayHost(hostname) || hostname === inner.url.hostname;
}
