import { parseArweaveReference } from './arweave-reference.js';
import { toContentUri, type ContentReference } from './content-reference.js';
import { isGatewayHost, parseContentInPath, parseGatewayUrl } from './gateway-url.js';
import { findIpfsReference, parseIpfsReference } from './ipfs-reference.js';
import { findNestedUris, isBaseOf, pathPart } from './nested-uri.js';
import type { ParsedUri } from './parsed-uri.js';
import { MAX_URI_LENGTH } from './uri-limits.js';

/**
 * The one reader of URIs: of token URIs, images, animations, links and metadata URLs. Where a base was put before what was
 * a URI already (`https://ipfs.io/ipfs/ipfs://CID`), the innermost one is meant. Never throws.
 */
export function parseUri(text: string): ParsedUri {
  return parseTidy(tidyUri(text), 0);
}

/** Without white space, NULs and quotes around it, all met in the wild; and well-formed, so that it can be encoded. */
export function tidyUri(text: string): string {
  const trimmed = (text.includes('\0') ? text.replaceAll('\0', '') : text).trim();
  const isQuoted = /^['"]/.test(trimmed) && trimmed.length > 1 && trimmed.endsWith(trimmed[0]!);
  return (isQuoted ? trimmed.slice(1, -1).trim() : trimmed).toWellFormed();
}

/** The URI that another one was put before, or null: nothing stands before it. */
export function parseNestedUri(text: string): ParsedUri | null {
  const uri = tidyUri(text);
  const meant = parseTidy(uri, 0);
  return toRequestUri(meant) === toRequestUri(parseSingle(uri)) ? null : meant;
}

/** What is asked for, in one spelling. null: nothing can be. */
export function toRequestUri(parsed: ParsedUri): string | null {
  if (parsed.kind === 'content') return toContentUri(parsed.content);
  return parsed.kind === 'url' ? parsed.url.href : null;
}

/** How often a URI may be read again: decoded, or as it would be asked for. */
const MAX_READINGS = 3;

function parseTidy(uri: string, readings: number): ParsedUri {
  if (isDataUri(uri)) return { kind: 'data', uri };
  const mayBeNested = MAY_BE_NESTED.test(uri.slice(0, MAX_URI_LENGTH));
  const nested = mayBeNested ? (parseNested(uri) ?? parseEncoded(uri, readings)) : null;
  const parsed = nested ?? parseSingle(uri);
  const asked = toRequestUri(parsed);
  // With its dot segments resolved and its path encoded it may be a base after all.
  return asked === null || asked === uri || readings === MAX_READINGS ? parsed : parseTidy(asked, readings + 1);
}

/** A quick look: no ordinary URI has any of it behind its scheme. */
const MAY_BE_NESTED =
  /[/:](?:ip[fn]s|ar|arweave|dweb|fs|https?|data)(?::|%)|\/ipfs\/[^/]*\.|^(?:ip[fn]s|ar|arweave|https?|data)%/i;

/** From the last URI to the first: each stands for the one that it is a base of, if there is one. */
function parseNested(uri: string): ParsedUri | null {
  const starts = [0, ...findNestedUris(uri)];
  const meanings: ParsedUri[] = [];
  for (let at = starts.length - 1; at >= 0; at -= 1) {
    const start = starts[at]!;
    const inner = meanings.find((meaning, index) => index > at && isBaseOf(uri.slice(start, starts[index]), meaning));
    if (at === 0) return inner ?? null;
    meanings[at] = inner ?? parseSingle(uri.slice(start));
  }
  return null;
}

/**
 * `ipfs%3A%2F%2FCID`, and the same behind a gateway (`https://ipfs.io/ipfs/ipfs%3A%2F%2FCID`). To other hosts an encoded
 * URI is a name like any other: proxies and object stores have such paths.
 */
function parseEncoded(uri: string, readings: number): ParsedUri | null {
  const at = pathPart(uri).search(/(?<=^|[/:])(?:ipfs|ipns|ar|arweave|https?|data)%(?:25)*3a/i);
  if (at === -1 || readings === MAX_READINGS) return null;
  const base = uri.slice(0, at);
  const isOfGateway =
    /(?:^|\/)ip[fn]s\/+$|^(?:ipfs|ipns|ar):/i.test(base) || isGatewayHost(URL.parse(base)?.hostname ?? '');
  const inner = base === '' || isOfGateway ? decode(uri.slice(at)) : null;
  const meaning = inner === null ? null : parseTidy(inner, readings + 1);
  return meaning && isBaseOf(base, meaning) ? meaning : null;
}

function parseSingle(uri: string): ParsedUri {
  if (isDataUri(uri)) return { kind: 'data', uri };
  if (uri.length > MAX_URI_LENGTH) return { kind: 'invalid' };
  if (/^https?:/i.test(uri)) return parseHttp(uri);
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
  const { content, url: asked } = gateway;
  // User info is somebody's credential for that gateway; the content needs none.
  return asked && !url.username && !url.password ? { kind: 'url', url: asked, content } : { kind: 'content', content };
}

/** `ipfs.io/ipfs/CID`, `//ipfs.io/ipfs/CID`, `https//ipfs.io/ipfs/CID`: the scheme is missing or broken. */
const HOST = /^(?:(?:https?)?[:;]?\/\/+)?([a-z0-9-]+(?:\.[a-z0-9-]+)+\.?(?::\d{1,5})?\/.*)$/is;

function findAtHost(uri: string): ContentReference | null {
  const url = URL.parse(`https://${HOST.exec(uri)?.[1] ?? ''}`);
  return url && (parseGatewayUrl(url)?.content ?? parseContentInPath(url));
}

function isDataUri(text: string): boolean {
  return /^data:/i.test(text);
}

// Browsers skip control characters and blanks in a scheme, so "java\nscript:" counts as one.
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
