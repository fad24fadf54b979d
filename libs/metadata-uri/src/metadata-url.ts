import { parseNestedUri, parseUri, tidyUri, toRequestUri } from './parse-uri.js';
import type { ParsedUri } from './parsed-uri.js';
import { MAX_URI_LENGTH } from './uri-limits.js';

const ID_PLACE = /\{(?:id|id_hex64)\}/;
const PLACES = '{id} (the token id in decimal digits), {id_hex64} (in 64 hex digits) and {address} (the contract)';
const MAX_TOKEN_ID = (2n ** 256n - 1n).toString();
const SAMPLE_ADDRESS = `0x${'0'.repeat(40)}`;

/** The metadata URL of one collection: with the address of its contract, `0x` and 40 lower-case hex digits, in `{address}`. */
export function expandAddress(metadataUrl: string, address: string): string {
  return metadataUrl.replaceAll('{address}', address.toLowerCase());
}

/**
 * The URL of a token's document: the metadata URL with the id, a decimal uint256, in `{id}` and `{id_hex64}`. Where it has
 * neither, the id is appended in decimal digits, behind one slash.
 */
export function expandTokenId(metadataUrl: string, tokenId: string): string {
  if (!ID_PLACE.test(metadataUrl)) return `${metadataUrl.replace(/\/+$/, '')}/${tokenId}`;
  return metadataUrl.replaceAll('{id}', tokenId).replaceAll('{id_hex64}', () => toHex64(tokenId));
}

/** As ERC-1155 writes ids: 64 lower-case hex digits without 0x. */
export function toHex64(tokenId: string): string {
  // BigInt all the way: a JavaScript number would turn most uint256 ids into other ids.
  return BigInt(tokenId).toString(16).padStart(64, '0');
}

export type ParsedMetadataUrl =
  /** Trimmed; without a slash, `?` or `#` at its end where the id is appended. */
  | { kind: 'valid'; url: string }
  /** What is wrong with it and what would be right, as a sentence. Repeats no credentials. */
  | { kind: 'wrong'; problem: string };

/** What somebody registers as the place of a collection's documents: a URL, perhaps with places for what differs. */
export function parseMetadataUrl(text: string): ParsedMetadataUrl {
  const written = withPlainPlaces(tidyUri(text));
  const url = ID_PLACE.test(written) ? written : written.replace(/[/?#\s]+$/, '');
  if (hasUserInfo(url)) {
    return wrong('The metadata URL must not hold a user name or password: it is shown in errors.');
  }
  const problem = findWrongPlace(url) ?? findWrongForm(url) ?? findWrongMeaning(url);
  return problem === null
    ? { kind: 'valid', url }
    : wrong(`Metadata URL ${JSON.stringify(url.slice(0, 500))} ${problem}`);
}

function wrong(problem: string): ParsedMetadataUrl {
  return { kind: 'wrong', problem };
}

/** A browser's address bar gives braces encoded. */
function withPlainPlaces(url: string): string {
  return url.replace(/%7B(id|id_hex64|address)%7D/gi, '{$1}');
}

function hasUserInfo(url: string): boolean {
  const parsed = URL.parse(url);
  return /(?:^[a-z][a-z0-9+.-]*:\/*|\/\/)[^/?#]*@/i.test(url) || Boolean(parsed?.username || parsed?.password);
}

function findWrongPlace(url: string): string | null {
  const others = url.replace(/\{(?:id|id_hex64|address)\}/g, '');
  const [unknown] = /\{[^{}]*\}|[{}]/.exec(others) ?? [];
  if (unknown) return `has a place that is not known, ${unknown}. The places are ${PLACES}.`;
  if (/0x\{id\}/i.test(url)) return 'would put a decimal number behind "0x": write 0x{id_hex64}.';
  if (/^https?:\/*[^/?#]*[{}]/i.test(url)) return 'must not have a place in its host: all tokens have one host.';
  return null;
}

function findWrongForm(url: string): string | null {
  const parsed = URL.parse(url);
  if (!parsed || !/^(?:https?|ipfs|ipns|ar):$/.test(parsed.protocol)) {
    return 'is not an http, https, ipfs, ipns or ar URL, such as "https://api.example/metadata".';
  }
  if (!ID_PLACE.test(url) && (parsed.search || parsed.hash)) {
    return 'must not have a query or a fragment: "/<token id>" is put behind it. Write {id} where the id belongs, as in "https://api.example/metadata?id={id}".';
  }
  return parsed.hash ? 'must not have a fragment: what follows a "#" is not sent.' : null;
}

function findWrongMeaning(url: string): string | null {
  const [first, last] = ['0', MAX_TOKEN_ID].map((id) => expandTokenId(expandAddress(url, SAMPLE_ADDRESS), id));
  if (last!.length > MAX_URI_LENGTH) return `is too long: with a token id in it, it may have ${MAX_URI_LENGTH} characters.`;
  const nested = parseNestedUri(url) ?? parseNestedUri(last!);
  if (nested) return `has another URI inside: register ${shownInside(nested)} itself.`;
  const asked = toRequestUri(parseUri(last!));
  if (asked === null) {
    return /^ar:/i.test(url)
      ? 'names nothing in Arweave: "ar://" and a transaction id of 43 characters would be right.'
      : 'names nothing in IPFS: "ipfs://" and a CID, or "ipns://" and a name, would be right.';
  }
  return asked === toRequestUri(parseUri(first!))
    ? 'leads to one document for all tokens: its "/.." takes the id out.'
    : null;
}

function shownInside(nested: ParsedUri): string {
  const inside = toRequestUri(nested);
  return inside === null ? 'that' : JSON.stringify(withPlainPlaces(inside));
}
