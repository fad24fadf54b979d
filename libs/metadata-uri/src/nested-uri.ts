import { isGatewayHost } from './parse-gateway-url.js';
import type { ParsedUri } from './parsed-uri.js';
import { withoutTrailingSlashes } from './trailing-slashes.js';
import { MAX_URI_LENGTH } from './uri-limits.js';

/** More would not be a mistake but an attack on CPU time, so further URIs are ignored. */
const MAX_NESTED = 12;

/**
 * After a slash or a colon: a scheme, or the header of a `data:` URI; after `/ipfs/` also a host without its scheme. After
 * anything else: a scheme and two slashes.
 */
const URI_START =
  /(?<=[/:])(?:(?:ipfs|ipns|ar|arweave|dweb|fs):|https?:\/|data:(?:[\w.+-]+\/[\w.+-]+[\w.+\-/;="' ]{0,200}|;[\w.+\-/;="' ]{0,200})?,)|(?<=\/ipfs\/)[a-z0-9-]+(?:\.[a-z0-9-]+)+\/ip[fn]s\/|(?<=[^/:])(?:ipfs|ipns|ar|arweave|https?):\/\//gi;

/** Offsets at which other URIs may start in the path of this one. */
export function findNestedUris(uri: string): number[] {
  const starts: number[] = [];
  for (const { 0: start, index } of pathPart(uri).matchAll(URI_START)) {
    starts.push(index);
    // URIs inside of a data: URI are its content.
    if (/^data:/i.test(start) || starts.length === MAX_NESTED) break;
  }
  return starts;
}

/** The part that is searched for URIs. After a `?` or `#`, encoded or not, a URI is a parameter. */
export function pathPart(uri: string): string {
  return /^(?:(?!%3f|%23)[^?#])*/i.exec(uri.slice(0, MAX_URI_LENGTH))![0];
}

/**
 * Whether the text in front of a URI is a base that was put there by mistake. Always if that URI is content in IPFS, Arweave or
 * `data:`, since a proxy in front would serve the same. If it is a URL of another host, only if the base is not a host, is a
 * gateway, or is the same host: URLs of proxies and archives look like this too.
 */
export function isBaseOf(base: string, inner: ParsedUri): boolean {
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(base)?.[1];
  if (scheme !== undefined && !/^(?:https?|ipfs|ipns|ar|arweave|dweb|fs)$/i.test(scheme)) return false;
  if (inner.kind === 'content' || inner.kind === 'data') return true;
  if (inner.kind !== 'url') return false;
  // `https://api.example/metahttps://…`: without a slash between them, only content is unambiguous.
  if (/[^/:]$/.test(base)) return inner.content !== null;
  if (inner.content || !/^https?$/i.test(scheme ?? '')) return true;
  if (hasNoHost(base) || endsInNamespace(base)) return true;
  const hostname = URL.parse(base)?.hostname ?? '';
  return isGatewayHost(hostname) || hostname === inner.url.hostname;
}

/** `https://` alone. */
function hasNoHost(base: string): boolean {
  return /^https?:$/i.test(withoutTrailingSlashes(base));
}

/** The last characters of a path that are searched: a pattern with `+` would be quadratic in a long text. */
const PATH_END = 64;

/** `https://host/ipfs/`: all that is missing is the content. */
function endsInNamespace(base: string): boolean {
  const path = withoutTrailingSlashes(base);
  return path.length < base.length && /[^/:]\/+ip[fn]s$/i.test(path.slice(-PATH_END));
}
