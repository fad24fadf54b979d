import {
  isDataUri,
  MAX_URI_LENGTH,
  parseNodeUrl,
  parseUri,
  tidyUri,
  toContentUri,
  type ContentReference,
  type ParsedUri,
} from '@app/metadata-uri';
import { hostAndPort, isPrivateHost, MAX_BODY_BYTES } from '@app/safe-http';
import { parseDataUri } from './data-uri.js';
import { contentCandidates, type Gateways } from './gateways.js';
import type { Candidate, LocatedMetadata } from './located-metadata.js';
import { expandErc1155Id, type TokenStandard } from './erc1155-id.js';

export interface LocateContext {
  /** Decimal uint256. */
  tokenId: string;
  standard?: TokenStandard | undefined;
}

/** Records and logs show this many characters of an invalid URI. */
const MAX_SHOWN_LENGTH = 200;

/** Turns a token URI into URLs to request, or into the document it contains. Makes no request. */
export function locateMetadata(uri: string, context: LocateContext, gateways: Gateways): LocatedMetadata {
  return locate(tidyUri(uri), context, gateways);
}

function locate(uri: string, context: LocateContext, gateways: Gateways): LocatedMetadata {
  if (isDataUri(uri)) return locateData(uri, context, gateways);
  if (isInlineJson(uri)) return inlineDocument(uri);
  if (uri === '') return { kind: 'invalid', reason: 'no_uri', url: '' };
  const unexpanded = parseUri(uri);
  // Braces inside a document are not a placeholder.
  if (unexpanded.kind === 'data') return locateData(unexpanded.uri, context, gateways);
  if (uri.length > MAX_URI_LENGTH) return invalid('invalid_uri', uri);

  // Braces are not legal in a URL, so they are literal only for a contract known to be ERC-721.
  const expanded = context.standard === 'erc721' ? uri : expandErc1155Id(uri, context.tokenId);
  return locateParsed(expanded === uri ? unexpanded : parseUri(expanded), expanded, gateways);
}

function locateParsed(parsed: ParsedUri, uri: string, gateways: Gateways): LocatedMetadata {
  switch (parsed.kind) {
    case 'content':
      return locateContent(parsed.content, gateways);
    case 'url': {
      const { url, content } = parsed;
      // The creator's own IPFS node: unreachable from here, but the gateways have the same content.
      const isOnOwnNode = !gateways.allowedHosts.has(hostAndPort(url)) && isPrivateHost(url.hostname);
      const onNode = isOnOwnNode ? parseNodeUrl(url) : null;
      return onNode ? locateParsed(onNode, uri, gateways) : locateUrl(url, content, uri, gateways);
    }
    case 'other_scheme':
      return invalid('unsupported_scheme', uri);
    default:
      return invalid('invalid_uri', uri);
  }
}

function locateContent(content: ContentReference, gateways: Gateways): LocatedMetadata {
  return { kind: 'request', uri: toContentUri(content), candidates: contentCandidates(gateways, content) };
}

function locateUrl(url: URL, content: ContentReference | null, uri: string, gateways: Gateways): LocatedMetadata {
  // User info would be somebody's credentials, which must be neither sent nor stored.
  if (url.username !== '' || url.password !== '' || url.href.length > MAX_URI_LENGTH)
    return invalid('invalid_uri', uri);
  const asGiven: Candidate = { url: url.href, publicUrl: url.href };
  const [first, ...others] = content && gateways.replacePublic ? contentCandidates(gateways, content) : [];
  if (!first) return { kind: 'request', uri: url.href, candidates: [asGiven] };
  const isIncluded = [first, ...others].some((candidate) => candidate.url === asGiven.url);
  const candidates: [Candidate, ...Candidate[]] = isIncluded ? [first, ...others] : [first, ...others, asGiven];
  return { kind: 'request', uri: url.href, candidates };
}

function locateData(uri: string, context: LocateContext, gateways: Gateways): LocatedMetadata {
  const url = abbreviatedDataUri(uri);
  // Percent-encoding takes three characters per byte at most, so a longer URI exceeds the limit.
  if (uri.length > MAX_BODY_BYTES * 3 + MAX_URI_LENGTH) return { kind: 'invalid', reason: 'too_large', url };
  const data = parseDataUri(uri);
  if (!data) return { kind: 'invalid', reason: 'invalid_data_uri', url };
  if (data.body.length > MAX_BODY_BYTES) return { kind: 'invalid', reason: 'too_large', url };

  const reference = uriInside(data.body);
  if (reference !== null) return locate(reference, context, gateways);
  return { kind: 'document', body: data.body, contentType: data.contentType || null, url };
}

/** Some contracts wrap `ipfs://…` in a data: URI. Follows one level; null for another data: URI. */
function uriInside(body: Uint8Array): string | null {
  if (body.length > MAX_URI_LENGTH) return null;
  const text = tidyUri(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8'));
  if (/\s/.test(text)) return null;
  const { kind } = parseUri(text);
  return kind === 'content' || kind === 'url' ? text : null;
}

function inlineDocument(text: string): LocatedMetadata {
  if (text.length > MAX_BODY_BYTES) return { kind: 'invalid', reason: 'too_large', url: '' };
  return { kind: 'document', body: Buffer.from(text, 'utf8'), contentType: 'application/json', url: '' };
}

function isInlineJson(uri: string): boolean {
  return /^\{(?!id\})/i.test(uri) || /^\[[\s"{[\]]/.test(uri);
}

function invalid(reason: 'invalid_uri' | 'unsupported_scheme', uri: string): LocatedMetadata {
  return { kind: 'invalid', reason, url: shown(uri) };
}

function abbreviatedDataUri(uri: string): string {
  const comma = uri.indexOf(',');
  return `${shown(comma === -1 ? uri : uri.slice(0, comma))},…`;
}

/** For records and logs: truncated, without user info. */
function shown(uri: string): string {
  const safe = uri.slice(0, MAX_URI_LENGTH).replace(/(^[a-z][a-z0-9+.-]*:\/*|:\/+)[^/?#]*@/gi, '$1');
  return safe.slice(0, MAX_SHOWN_LENGTH).toWellFormed();
}
