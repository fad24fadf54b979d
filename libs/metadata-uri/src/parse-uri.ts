import { parseArweaveReference } from './arweave-reference.js';
import { toContentUri, type ContentReference } from './content-reference.js';
import { isGatewayHost, parseContentAtAnyHost, parseGatewayUrl } from './parse-gateway-url.js';
import { findIpfsReference, parseIpfsReference } from './ipfs-reference.js';
import { findNestedUris, isBaseOf, pathPart } from './nested-uri.js';
import type { ParsedUri } from './parsed-uri.js';
import { trimText } from './trimmed-text.js';
import { MAX_URI_LENGTH } from './uri-limits.js';

/**
 * Parses every URI that a stranger wrote: token URIs, images, animations, links and metadata URLs. If a base was put in front
 * of a complete URI (`https://ipfs.io/ipfs/ipfs://CID`), the innermost URI counts. Never throws.
 */
export function parseUri(text: string): ParsedUri {
  return parseTidy(tidyUri(text), 0);
}

/** Removes NULs, invisible characters at the ends and surrounding quotes, which are all common, and lone surrogates. */
export function tidyUri(text: string): string {
  const trimmed = trimText(text.includes('\0') ? text.replaceAll('\0', '') : text);
  const isQuoted = /^['"]/.test(trimmed) && trimmed.length > 1 && trimmed.endsWith(trimmed[0]!);
  return (isQuoted ? trimText(trimmed.slice(1, -1)) : trimmed).toWellFormed();
}

/** The URI inside of another one, or null. */
export function parseNestedUri(text: string): ParsedUri | null {
  const uri = tidyUri(text);
  const innermost = parseTidy(uri, 0);
  return toRequestUri(innermost) === toRequestUri(parseSingle(uri)) ? null : innermost;
}

/** The content that `/ipfs/CID` in the path of a URL, or `CID.ipfs.` in its host, means on any host; null for another URL. */
export function parseNodeUrl(url: URL): ParsedUri | null {
  const content = parseContentAtAnyHost(url);
  return content && parseUri(toContentUri(content));
}

/** The canonical URI to request; null if there is nothing to request. */
export function toRequestUri(parsed: ParsedUri): string | null {
  if (parsed.kind === 'content') return toContentUri(parsed.content);
  return parsed.kind === 'url' ? parsed.url.href : null;
}

/** How often a URI is parsed again after decoding or normalisation. */
const MAX_PASSES = 3;

function parseTidy(uri: string, passes: number): ParsedUri {
  if (isDataUri(uri)) return { kind: 'data', uri };
  const mayBeNested = MAY_BE_NESTED.test(uri.slice(0, MAX_URI_LENGTH));
  const nested = mayBeNested ? (parseNested(uri) ?? parseEncoded(uri, passes)) : null;
  const parsed = nested ?? parseSingle(uri);
  const normalized = toRequestUri(parsed);
  // With dot segments resolved and the path encoded, it may turn out to be nested.
  return normalized === null || normalized === uri || passes === MAX_PASSES
    ? parsed
    : parseTidy(normalized, passes + 1);
}

/** A fast check; no ordinary URI matches. */
const MAY_BE_NESTED =
  /[/:](?:ip[fn]s|ar|arweave|dweb|fs|https?|data)(?::|%)|[^/:](?:ip[fn]s|ar|arweave|https?):\/\/|\/ipfs\/[^/]*\.|^(?:ip[fn]s|ar|arweave|https?|data)%/i;

/** Resolves URIs from the last to the first: each becomes the URI that it is a base of, if there is one. */
function parseNested(uri: string): ParsedUri | null {
  const starts = [0, ...findNestedUris(uri)];
  const meanings: ParsedUri[] = [];
  for (let position = starts.length - 1; position >= 0; position -= 1) {
    const start = starts[position]!;
    const inner = meanings.find(
      (meaning, index) => index > position && isBaseOf(uri.slice(start, starts[index]), meaning),
    );
    if (position === 0) return inner ?? null;
    meanings[position] = inner ?? parseSingle(uri.slice(start));
  }
  return null;
}

/**
 * Decodes `ipfs%3A%2F%2FCID`, alone or behind a gateway (`https://ipfs.io/ipfs/ipfs%3A%2F%2FCID`). At other hosts an encoded
 * URI stays: proxies and object stores have such paths.
 */
function parseEncoded(uri: string, passes: number): ParsedUri | null {
  const offset = pathPart(uri).search(/(?<=^|[/:])(?:ipfs|ipns|ar|arweave|https?|data)%(?:25)*3a/i);
  if (offset === -1 || passes === MAX_PASSES) return null;
  const base = uri.slice(0, offset);
  const isOfGateway =
    /(?:^|\/)ip[fn]s\/+$|^(?:ipfs|ipns|ar):/i.test(base) || isGatewayHost(URL.parse(base)?.hostname ?? '');
  const inner = base === '' || isOfGateway ? decode(uri.slice(offset)) : null;
  const meaning = inner === null ? null : parseTidy(inner, passes + 1);
  return meaning && isBaseOf(base, meaning) ? meaning : null;
}

function parseSingle(uri: string): ParsedUri {
  if (isDataUri(uri)) return { kind: 'data', uri };
  if (uri.length > MAX_URI_LENGTH) return { kind: 'invalid' };
  if (/^https?:/i.test(uri)) return parseHttp(uri);
  const atGateway = findAtGateway(uri);
  if (atGateway) return { kind: 'content', content: atGateway };
  const reference = parseIpfsReference(uri) ?? parseArweaveReference(uri);
  if (reference) return reference === 'invalid' ? { kind: 'invalid' } : { kind: 'content', content: reference };
  const found = findIpfsReference(uri) ?? findAtHost(uri);
  if (found) return { kind: 'content', content: found };
  return hasScheme(uri) ? { kind: 'other_scheme' } : { kind: 'relative' };
}

function parseHttp(uri: string): ParsedUri {
  const url = URL.parse(uri);
  if (!url) return { kind: 'invalid' };
  const gateway = parseGatewayUrl(url);
  if (!gateway) return { kind: 'url', url, content: null };
  const { content, url: requested } = gateway;
  // User info would be somebody's credentials for that gateway; the content does not need them.
  const isUsable = requested && !url.username && !url.password;
  return isUsable ? { kind: 'url', url: requested, content } : { kind: 'content', content };
}

/** `ipfs.io/ipfs/CID`, `//ipfs.io/ipfs/CID`, `https//ipfs.io/ipfs/CID`: a missing or broken scheme. */
const HOST = /^(?:(?:https?)?[:;]?\/\/+)?((?:localhost|[a-z0-9-]+(?:\.[a-z0-9-]+)+\.?)(?::\d{1,5})?\/.*)$/is;

/** `ipfs://ipfs.io/ipfs/CID`: the host of a gateway as the authority of a URI of content. */
function findAtGateway(uri: string): ContentReference | null {
  const [, namespace = '', host = ''] = /^(ipfs|ipns|ar|arweave):\/*([^/]+)\//i.exec(uri) ?? [];
  if (!host.includes('.')) return null;
  // Any DNS name is an IPNS name, too, so behind `ipns:` only a known gateway is a host.
  const isHost = namespace.toLowerCase() !== 'ipns' || isGatewayHost(host.toLowerCase());
  return isHost ? findAtHost(uri.slice(namespace.length + 1).replace(/^\/+/, '')) : null;
}

function findAtHost(uri: string): ContentReference | null {
  const url = URL.parse(`https://${HOST.exec(uri)?.[1] ?? ''}`);
  return url && (parseGatewayUrl(url)?.content ?? parseContentAtAnyHost(url));
}

/** The content itself. */
export function isDataUri(text: string): boolean {
  return /^data:/i.test(text);
}

// Browsers ignore control characters and spaces in a scheme, so "java\nscript:" is one.
function hasScheme(text: string): boolean {
  return /^[a-z][a-z0-9+.-]*:/i.test(text.replace(/[^\u0021-\uffff]+/g, ''));
}

function decode(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}
