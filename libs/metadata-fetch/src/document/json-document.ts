import { isDataUri, trimText } from '@app/metadata-uri';
import { decodeText } from './body-text.js';
import { parseDataUri, toDataUri } from '../uri/data-uri.js';
import { parseExactly } from './exact-numbers.js';
import type { UndecodableReason } from '../fetch-outcome.js';
import { isOutOfBounds } from './json-bounds.js';
import { isJsonObject, type JsonObject } from './json-value.js';
import { isCompressed, isMediaType, mediaTypeOf, mediaTypeOfBytes, moreTrusted } from './media-type.js';
import type { MetadataWarning } from './metadata-warnings.js';
import { mayHoldNul, withoutNulPadding } from './nul-padding.js';
import { sanitizeForPostgres } from './sanitize-for-postgres.js';
import { isSvg } from './svg-text.js';
import { hasKnownFields } from './usable-metadata.js';

export type DecodedDocument =
  | {
      kind: 'document';
      document: JsonObject;
      /** The document without NUL padding, if it has any. */
      shown?: JsonObject;
      raw: string;
      warnings: MetadataWarning[];
    }
  /** An image or a video instead of a document. `url`: its `data:` URI, if the body was one. */
  | { kind: 'media'; mediaType: string; url?: string }
  | { kind: 'undecodable'; reason: UndecodableReason };

/** Media types of a JSON document. Any other one gives a warning. */
const EXPECTED_TYPE =
  /^(?:|(?:application|binary)\/octet-stream|text\/plain|(?:application|text)\/(?:[\w.-]+\+)?json)$/;

const OPEN_BRACE = 0x7b;

/** Decodes the JSON object in a complete body. Tolerant about the media type, strict about the content. */
export function decodeDocument(body: Uint8Array, contentType: string | null): DecodedDocument {
  return decode(body, contentType, true);
}

function decode(body: Uint8Array, contentType: string | null, mayNest: boolean): DecodedDocument {
  const mediaType = mediaTypeOf(contentType);
  const signature = body[0] === OPEN_BRACE ? null : mediaTypeOfBytes(body);
  if (signature !== null) return { kind: 'media', mediaType: moreTrusted(mediaType, signature) };
  if (isCompressed(body)) return undecodable('invalid_encoding');

  const { text, warnings } = decodeText(body, contentType);
  const content = trimText(text);
  if (content === '') return undecodable('empty_body');
  if (mayNest && isDataUri(content)) return decodeDataUri(content);
  if (isMediaType(mediaType) && isContentOf(mediaType, content, body)) return { kind: 'media', mediaType };
  if (!EXPECTED_TYPE.test(mediaType)) warnings.push('unexpected_media_type');
  return parseDocument(content, warnings);
}

function parseDocument(content: string, warnings: MetadataWarning[]): DecodedDocument {
  if (content.startsWith('<')) return undecodable('not_json');
  if (isOutOfBounds(content)) return undecodable('too_deep');
  const storable = sanitizeForPostgres(content);
  if (storable !== content) warnings.push('replaced_characters');

  const parsed = tryParse(storable);
  if (!parsed) return undecodable('invalid_json');
  const { value: document, raw, outOfRange } = parsed;
  const shown = storable !== content && mayHoldNul(content) ? withoutNulPadding(content, document) : document;
  if (typeof shown === 'string') return parseInnerDocument(shown, warnings);
  if (!isJsonObject(document) || !isJsonObject(shown)) return undecodable('wrong_type');
  if (Object.keys(document).length === 0) return undecodable('empty_metadata');
  if (!hasKnownFields(shown)) return undecodable('no_known_fields');
  if (outOfRange) warnings.push('number_out_of_range');
  return { kind: 'document', document, ...(shown !== document && { shown }), raw, warnings };
}

/** A document that was encoded as JSON twice. Follows one level. */
function parseInnerDocument(text: string, warnings: MetadataWarning[]): DecodedDocument {
  const content = trimText(text);
  return content.startsWith('{') ? parseDocument(content, [...warnings, 'encoded_twice']) : undecodable('wrong_type');
}

function tryParse(text: string): ReturnType<typeof parseExactly> | null {
  try {
    return parseExactly(text);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/** Some servers return the data: URI of the contract. Follows one level. */
function decodeDataUri(content: string): DecodedDocument {
  const data = parseDataUri(content);
  if (!data) return undecodable('invalid_data_uri');
  const decoded = decode(data.body, data.contentType || null, false);
  return decoded.kind === 'media' ? { ...decoded, url: toDataUri(decoded.mediaType, data.body) } : decoded;
}

/** SVG and some models are text. Other media here have no known signature; text is an error message of the server. */
function isContentOf(mediaType: string, content: string, body: Uint8Array): boolean {
  if (mediaType.startsWith('image/svg')) return isSvg(content);
  return !/^[{["<]/.test(content) && (mediaType.startsWith('model/') || isBinary(body));
}

/** Whether the body has control characters that only binary formats have. */
function isBinary(body: Uint8Array): boolean {
  return body.subarray(0, SNIFFED_BYTES).some((byte) => byte < SPACE && !TEXT_CONTROLS.has(byte));
}

const SNIFFED_BYTES = 1024;
const SPACE = 0x20;
/** Tab, line feed, form feed, carriage return, escape: the ones that WHATWG MIME sniffing allows in text. */
const TEXT_CONTROLS = new Set([0x09, 0x0a, 0x0c, 0x0d, 0x1b]);

function undecodable(reason: UndecodableReason): DecodedDocument {
  return { kind: 'undecodable', reason };
}
