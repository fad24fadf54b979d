import { isGatewayHost } from './gateway-url.js';
import type { ParsedUri } from './parsed-uri.js';
import { withoutTrailingSlashes } from './trailing-slashes.js';
import { LONGEST_URI } from './uri-limits.js';

/** More is no mistake of anybody's, but made to take time: the rest is not looked at. */
const MOST_NESTED = 12;

/** Behind a slash or a colon: a scheme, or the header of a `data:` URI; behind `/ipfs/` also a host without its scheme. */
const BEGINNING =
  /(?<=[/:])(?:(?:ipfs|ipns|ar|arweave|dweb|fs):|https?:\/|data:(?:[\w.+-]+\/[\w.+-]+[\w.+\-/;="' ]{0,200}|;[\w.+\-/;="' ]{0,200})?,)|(?<=\/ipfs\/)[a-z0-9-]+(?:\.[a-z0-9-]+)+\/ip[fn]s\//gi;

/** Where other URIs may begin in the path of this one. */
export function findNestedUris(uri: string): number[] {
  const starts: number[] = [];
  for (const { 0: beginning, index } of pathPart(uri).matchAll(BEGINNING)) {
    starts.push(index);
    // What a data URI holds is not part of the nesting.
    if (/^data:/i.test(beginning) || starts.length === MOST_NESTED) break;
  }
  return starts;
}

/** As much as is looked through. What follows a `?` or `#`, encoded or not, is a parameter, and no nesting. */
export function pathPart(uri: string): string {
  return /^(?:(?!%3f|%23)[^?#])*/i.exec(uri.slice(0, LONGEST_URI))![0];
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
  if (hasNoHost(base) || endsInNamespace(base)) return true;
  const hostname = URL.parse(base)?.hostname ?? '';
  return isGatewayHost(hostname) || hostname === inner.url.hostname;
}

/** `https://`, and nothing behind it. */
function hasNoHost(base: string): boolean {
  return /^https?:$/i.test(withoutTrailingSlashes(base));
}

/** As much of a path as its last segment is looked for in: a pattern with `+` must not run over all of a long text. */
const PATH_END = 64;

/** `https://host/ipfs/`: all that is missing is the content. */
function endsInNamespace(base: string): boolean {
  const path = withoutTrailingSlashes(base);
  return path.length < base.length && /[^/:]\/+ip[fn]s$/i.test(path.slice(-PATH_END));
}
