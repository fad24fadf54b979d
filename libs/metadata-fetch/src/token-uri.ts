import { parseArweaveReference } from './arweave-reference.js';
import { isDataUri, parseDataUri } from './data-uri.js';
import { LARGEST_DOCUMENT, LONGEST_URI } from './fetch-limits.js';
import { arweaveCandidates, ipfsCandidates, type Gateways } from './gateways.js';
import { findIpfsReference, parseIpfsReference } from './ipfs-reference.js';
import type { Candidate, LocatedMetadata } from './located-metadata.js';
import { parsePublicGatewayUrl } from './public-gateway-url.js';
import { fillTokenId, type TokenStandard } from './token-id-template.js';

export interface LocateContext {
  /** Decimal uint256. */
  tokenId: string;
  standard?: TokenStandard | undefined;
}

/** As much of a refused URI as records and logs show. */
const LONGEST_SHOWN = 200;

/** From what a contract or a Metadata API names as the place of a document to what may be requested. No network. */
export function locateMetadata(uri: string, context: LocateContext, gateways: Gateways): LocatedMetadata {
  return locate(tidy(uri), context, gateways);
}

function locate(uri: string, context: LocateContext, gateways: Gateways): LocatedMetadata {
  if (isDataUri(uri)) return locateData(uri, context, gateways);
  if (isInlineJson(uri)) return inlineDocument(uri);
  if (uri === '') return { kind: 'invalid', reason: 'no_uri', url: '' };
  if (uri.length > LONGEST_URI) return invalid('invalid_uri', uri);

  // A brace is not legal in a URL, so only a contract known as ERC-721 can mean it literally.
  const filled = context.standard === 'erc721' ? uri : fillTokenId(uri, context.tokenId);
  return locateReference(filled, gateways);
}

function locateReference(uri: string, gateways: Gateways): LocatedMetadata {
  const ipfs = parseIpfsReference(uri);
  if (ipfs === 'invalid') return invalid('invalid_uri', uri);
  if (ipfs) return { kind: 'request', candidates: ipfsCandidates(gateways, ipfs) };

  const arweave = parseArweaveReference(uri);
  if (arweave === 'invalid') return invalid('invalid_uri', uri);
  if (arweave) return { kind: 'request', candidates: arweaveCandidates(gateways, arweave) };

  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(uri)?.[1]?.toLowerCase();
  if (scheme === undefined) return invalid('invalid_uri', uri);
  if (scheme === 'https' || scheme === 'http') return locateUrl(uri, gateways);
  const meant = findIpfsReference(uri);
  if (meant) return { kind: 'request', candidates: ipfsCandidates(gateways, meant) };
  return invalid('unsupported_scheme', uri);
}

function locateUrl(uri: string, gateways: Gateways): LocatedMetadata {
  const url = URL.parse(uri);
  // User info would be a credential of somebody else's; sending it, or storing it, is nothing we want to do.
  if (!url || url.username !== '' || url.password !== '' || url.href.length > LONGEST_URI) {
    return invalid('invalid_uri', uri);
  }
  const asGiven: Candidate = { url: url.href, publicUrl: url.href };
  const [first, ...others] = gateways.replacePublic ? ourCandidates(url, gateways) : [];
  if (!first) return { kind: 'request', candidates: [asGiven] };
  const isOurs = [first, ...others].some((candidate) => candidate.url === asGiven.url);
  return { kind: 'request', candidates: isOurs ? [first, ...others] : [first, ...others, asGiven] };
}

function ourCandidates(url: URL, gateways: Gateways): Candidate[] {
  const place = parsePublicGatewayUrl(url);
  if (!place) return [];
  return place.network === 'ipfs'
    ? ipfsCandidates(gateways, place.reference)
    : arweaveCandidates(gateways, place.reference);
}

function locateData(uri: string, context: LocateContext, gateways: Gateways): LocatedMetadata {
  const url = shownDataUri(uri);
  // Three characters for each byte is the most that percent-encoding takes; more cannot be within the limit.
  if (uri.length > LARGEST_DOCUMENT * 3 + LONGEST_URI) return { kind: 'invalid', reason: 'too_large', url };
  const data = parseDataUri(uri);
  if (!data) return { kind: 'invalid', reason: 'invalid_data_uri', url };
  if (data.body.length > LARGEST_DOCUMENT) return { kind: 'invalid', reason: 'too_large', url };

  const reference = uriInside(data.body);
  if (reference !== null) return locate(reference, context, gateways);
  return { kind: 'document', body: data.body, contentType: data.contentType || null, url };
}

/** Some contracts wrap `ipfs://…` in a data: URI. One level is followed: another data: URI is no such reference. */
function uriInside(body: Uint8Array): string | null {
  if (body.length > LONGEST_URI) return null;
  const text = tidy(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8'));
  return /^(?:https?|ipfs|ipns|ar):\S+$/i.test(text) ? text : null;
}

function inlineDocument(text: string): LocatedMetadata {
  if (text.length > LARGEST_DOCUMENT) return { kind: 'invalid', reason: 'too_large', url: '' };
  return { kind: 'document', body: Buffer.from(text, 'utf8'), contentType: 'application/json', url: '' };
}

function isInlineJson(uri: string): boolean {
  return /^\{(?!id\})/i.test(uri) || /^\[[\s"{[\]]/.test(uri);
}

/** Without white space, NULs and quotes around it, all met in the wild; and well-formed, so that it can be encoded. */
function tidy(uri: string): string {
  const trimmed = uri.replaceAll('\0', '').trim();
  return (/^(['"])(.*)\1$/s.exec(trimmed)?.[2] ?? trimmed).trim().toWellFormed();
}

function invalid(reason: 'invalid_uri' | 'unsupported_scheme', uri: string): LocatedMetadata {
  return { kind: 'invalid', reason, url: shown(uri) };
}

function shownDataUri(uri: string): string {
  const comma = uri.indexOf(',');
  return `${shown(comma === -1 ? uri : uri.slice(0, comma))},…`;
}

/** For records and logs: short, and without user info. */
function shown(uri: string): string {
  const safe = uri.slice(0, LONGEST_URI).replace(/^([a-z][a-z0-9+.-]*:\/*)[^/?#]*@/i, '$1');
  return safe.slice(0, LONGEST_SHOWN).toWellFormed();
}
