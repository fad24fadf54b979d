import { decodeText } from './body-text.js';
import { isDataUri, parseDataUri, toDataUri } from './data-uri.js';
import { parseExactly } from './exact-numbers.js';
import type { UndecodableReason } from './fetch-outcome.js';
import { isOutOfBounds } from './json-bounds.js';
import { isJsonObject, type JsonObject } from './json-value.js';
import { hasKnownFields } from './known-fields.js';
import { isCompressed, isMediaType, mediaTypeOf, mediaTypeOfBytes, moreTrusted } from './media-type.js';
import { toStorableText } from './storable-text.js';

export type DecodedDocument =
  | { kind: 'document'; document: JsonObject; raw: string; warnings: string[] }
  /** The token URI led to a picture or a film itself; `url` where that was inside of what the host answered. */
  | { kind: 'media'; mediaType: string; url?: string }
  | { kind: 'undecodable'; reason: UndecodableReason };

/** Media types that say nothing wrong about a JSON document; everything else is tolerated with a warning. */
const EXPECTED_TYPE =
  /^(?:|(?:application|binary)\/octet-stream|text\/plain|(?:application|text)\/(?:[\w.-]+\+)?json)$/;

const OPEN_BRACE = 0x7b;
const SPACE = 0x20;

/** From the bytes of a complete answer to the JSON object in them. Tolerant about the label, strict about the content. */
export function decodeDocument(body: Uint8Array, contentType: string | null): DecodedDocument {
  return decode(body, contentType, true);
}

function decode(body: Uint8Array, contentType: string | null, mayFollow: boolean): DecodedDocument {
  const mediaType = mediaTypeOf(contentType);
  const signature = body[0] === OPEN_BRACE ? null : mediaTypeOfBytes(body);
  if (signature !== null) return { kind: 'media', mediaType: moreTrusted(mediaType, signature) };
  if (isCompressed(body)) return undecodable('invalid_encoding');

  const { text, warnings } = decodeText(body, contentType);
  const content = trimBody(text);
  if (content === '') return undecodable('empty_body');
  if (mayFollow && isDataUri(content)) return decodeDataUri(content);
  if (isMediaType(mediaType) && content[0] !== '{' && isContentOf(mediaType, content))
    return { kind: 'media', mediaType };
  if (!EXPECTED_TYPE.test(mediaType)) warnings.push('unexpected_media_type');
  return parseDocument(content, warnings);
}

function parseDocument(content: string, warnings: string[]): DecodedDocument {
  if (content.startsWith('<')) return undecodable('not_json');
  if (isOutOfBounds(content)) return undecodable('too_deep');
  const storable = toStorableText(content);
  if (storable !== content) warnings.push('replaced_characters');

  const parsed = tryParse(storable);
  if (!parsed) return undecodable('invalid_json');
  if (!isJsonObject(parsed.value)) return undecodable('wrong_type');
  if (Object.keys(parsed.value).length === 0) return undecodable('empty_metadata');
  if (!hasKnownFields(parsed.value)) return undecodable('no_known_fields');
  if (parsed.outOfRange) warnings.push('number_out_of_range');
  return { kind: 'document', document: parsed.value, raw: parsed.raw, warnings };
}

function tryParse(text: string): ReturnType<typeof parseExactly> | null {
  try {
    return parseExactly(text);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/** Some servers answer with the data: URI that the contract holds. One level is followed. */
function decodeDataUri(content: string): DecodedDocument {
  const data = parseDataUri(content);
  if (!data) return undecodable('invalid_data_uri');
  const decoded = decode(data.body, data.contentType || null, false);
  return decoded.kind === 'media' ? { ...decoded, url: toDataUri(decoded.mediaType, data.body) } : decoded;
}

/** SVG is text; other media that reach this point are formats without a signature of ours, unless they are a web page. */
function isContentOf(mediaType: string, content: string): boolean {
  if (mediaType.startsWith('image/svg')) return /^<(?:svg|\?xml|!--|!doctype svg)/i.test(content);
  return !content.startsWith('<');
}

/** White space, and the NULs that contracts pad their strings with. By hand: `\s+$` is quadratic in a long blank. */
function trimBody(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && text.charCodeAt(start) <= SPACE) start += 1;
  while (end > start && text.charCodeAt(end - 1) <= SPACE) end -= 1;
  return text.slice(start, end);
}

function undecodable(reason: UndecodableReason): DecodedDocument {
  return { kind: 'undecodable', reason };
}
