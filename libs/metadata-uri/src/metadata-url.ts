import { parseNestedUri, parseUri, tidyUri, toRequestUri } from './parse-uri.js';
import type { ParsedUri } from './parsed-uri.js';
import { appendSegment } from './trailing-slashes.js';
import { MAX_URI_LENGTH } from './uri-limits.js';

const ID_PLACEHOLDER = /\{(?:id|id_hex64)\}/;
const PLACEHOLDERS =
  '{id} (the token id in decimal digits), {id_hex64} (in 64 hex digits) and {address} (the contract)';
const MAX_TOKEN_ID = (2n ** 256n - 1n).toString();
const SAMPLE_ADDRESS = `0x${'0'.repeat(40)}`;

/** Replaces `{address}` by the address of the contract: `0x` and 40 lower-case hex digits. */
export function expandAddress(metadataUrl: string, address: string): string {
  return metadataUrl.replaceAll('{address}', address.toLowerCase());
}

/**
 * Replaces `{id}` and `{id_hex64}` by the token id, a decimal uint256. Without either, appends the id in decimal digits after
 * one slash.
 */
export function expandMetadataUrl(metadataUrl: string, tokenId: string): string {
  if (!ID_PLACEHOLDER.test(metadataUrl)) return appendSegment(metadataUrl, tokenId);
  return metadataUrl.replaceAll('{id}', tokenId).replaceAll('{id_hex64}', () => toHex64(tokenId));
}

/** The form of ids in ERC-1155: 64 lower-case hex digits without 0x. */
export function toHex64(tokenId: string): string {
  // A JavaScript number would round most uint256 ids.
  return BigInt(tokenId).toString(16).padStart(64, '0');
}

/** A metadata URL that can be registered, or the reason why it cannot. */
export type ParsedMetadataUrl =
  /** Trimmed; if the id is to be appended, without a trailing slash, `?` or `#`. */
  | { kind: 'valid'; url: string }
  /** A sentence that says what is wrong and what would be right. Does not repeat credentials. */
  | { kind: 'invalid'; problem: string };

/** Parses the metadata URL that is registered for a collection, with or without placeholders. */
export function parseMetadataUrl(text: string): ParsedMetadataUrl {
  if (text.length > MAX_URI_LENGTH)
    return invalid(`The metadata URL is too long: it may have at most ${MAX_URI_LENGTH} characters.`);
  const tidy = decodeBraces(tidyUri(text));
  const url = ID_PLACEHOLDER.test(tidy) ? tidy : trimUselessEnd(tidy);
  if (hasUserInfo(url)) {
    return invalid('The metadata URL must not contain a user name or password: errors show it.');
  }
  const problem = findPlaceholderProblem(url) ?? findSyntaxProblem(url) ?? findMeaningProblem(url);
  return problem === null
    ? { kind: 'valid', url }
    : invalid(`Metadata URL ${JSON.stringify(url.slice(0, 500))} ${problem}`);
}

/** Removes what has no meaning at the end: slashes, an empty query or fragment, white space. */
function trimUselessEnd(url: string): string {
  let end = url.length;
  while (end > 0 && /[/?#\s]/.test(url[end - 1]!)) end -= 1;
  return url.slice(0, end);
}

function invalid(problem: string): ParsedMetadataUrl {
  return { kind: 'invalid', problem };
}

/** A browser's address bar percent-encodes braces. */
function decodeBraces(url: string): string {
  return url.replace(/%7B(id|id_hex64|address)%7D/gi, '{$1}');
}

function hasUserInfo(url: string): boolean {
  const parsed = URL.parse(url);
  return /(?:^[a-z][a-z0-9+.-]*:\/*|\/\/)[^/?#]*@/i.test(url) || Boolean(parsed?.username || parsed?.password);
}

function findPlaceholderProblem(url: string): string | null {
  const others = url.replace(/\{(?:id|id_hex64|address)\}/g, '');
  const [unknown] = /\{[^{}]*\}|[{}]/.exec(others) ?? [];
  if (unknown) return `has an unknown placeholder, ${unknown}. The placeholders are ${PLACEHOLDERS}.`;
  if (/0x\{id\}/i.test(url)) return 'would put a decimal number after "0x": write 0x{id_hex64}.';
  // A URL parser drops them wherever they are, so a placeholder after one could be in the host.
  if (/\p{Cc}/u.test(url)) return 'must not have a control character, such as a tab or a line break.';
  if (/^https?:[/\\]*[^/\\?#]*[{}]/i.test(url))
    return 'must not have a placeholder in its host: all tokens have one host.';
  return null;
}

function findSyntaxProblem(url: string): string | null {
  const parsed = URL.parse(url);
  if (!parsed || !/^(?:https?|ipfs|ipns|ar):$/.test(parsed.protocol)) {
    return 'is not an http, https, ipfs, ipns or ar URL, such as "https://api.example/metadata".';
  }
  if (!ID_PLACEHOLDER.test(url) && (parsed.search || parsed.hash)) {
    return 'must not have a query or a fragment: "/<token id>" is appended to it. Write {id} where the id belongs, as in "https://api.example/metadata?id={id}".';
  }
  return parsed.hash ? 'must not have a fragment: the part after "#" is not sent.' : null;
}

function findMeaningProblem(url: string): string | null {
  const [first, last] = ['0', MAX_TOKEN_ID].map((id) => expandMetadataUrl(expandAddress(url, SAMPLE_ADDRESS), id));
  if (last!.length > MAX_URI_LENGTH)
    return `is too long: with a token id, it may have at most ${MAX_URI_LENGTH} characters.`;
  const nested = parseNestedUri(url) ?? parseNestedUri(last!);
  if (nested) return `contains another URI: register ${describeNested(nested)} instead.`;
  const requestUri = toRequestUri(parseUri(last!));
  if (requestUri === null) {
    return /^ar:/i.test(url)
      ? 'is not a valid Arweave URL: write "ar://" and a transaction id of 43 characters.'
      : 'is not a valid IPFS URL: write "ipfs://" and a CID, or "ipns://" and a name.';
  }
  return requestUri === toRequestUri(parseUri(first!))
    ? 'gives the same document for all tokens: its "/.." removes the id.'
    : null;
}

function describeNested(nested: ParsedUri): string {
  const uri = toRequestUri(nested);
  return uri === null ? 'that one' : JSON.stringify(decodeBraces(uri));
}
