import { isUtf8 } from 'node:buffer';
import { isDataUri, parseUri, trimText, trimWhere } from '@app/metadata-uri';
import { hexDigit } from '../document/hex-digit.js';
import { endOfString } from '../document/json-string.js';
import { isLinkWithoutScheme } from './link-without-scheme.js';

/** A parsed `data:` URI. */
export interface DataUri {
  /** Lower case, without parameters; '' when none is given. */
  mediaType: string;
  /** In the form of a Content-Type header. */
  contentType: string;
  body: Uint8Array;
}

const DATA_URI = /^data:([^,]*),/i;
const BASE64 = /^[A-Za-z0-9+/]*$/;

/**
 * Splits at the first comma. A URL parser would end the document at a raw `#`, which is common in on-chain SVG, and
 * `decodeURIComponent` throws on "100% real". `+` is a plus sign, not a space. null: not a valid `data:` URI.
 */
export function parseDataUri(uri: string): DataUri | null {
  const header = DATA_URI.exec(uri);
  if (!header) return null;
  const [mediaType = '', ...parameters] = header[1]!.split(';').map((part) => part.trim());
  const payload = uri.slice(header[0].length);
  const isBase64 = parameters.some((parameter) => parameter.toLowerCase() === 'base64');
  const body = isBase64 && !isMarkup(payload) ? decodeBase64(payload) : decodeRaw(payload);
  if (!body) return null;

  const charset = parameters.find((parameter) => /^charset=/i.test(parameter));
  const type = mediaType.toLowerCase();
  return { mediaType: type, contentType: charset ? `${type}; ${charset}` : type, body };
}

/** Encodes content as a `data:` URI. */
export function toDataUri(mediaType: string, body: Uint8Array): string {
  return `data:${mediaType};base64,${Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('base64')}`;
}

/**
 * Accepts base64 with any padding, line breaks, invisible characters, quotes and percent-encoding, in the standard or URL-safe
 * alphabet.
 */
function decodeBase64(payload: string): Uint8Array | null {
  const plain = payload.includes('%') ? Buffer.from(decodePercent(payload)).toString('utf8') : payload;
  const digits = plain.replace(IGNORED_IN_BASE64, '').replaceAll('-', '+').replaceAll('_', '/');
  const unpadded = trimWhere(digits, (code) => code === EQUALS_SIGN);
  if (!BASE64.test(unpadded) || unpadded.length % 4 === 1 || digits.startsWith('=')) return null;
  return Buffer.from(unpadded, 'base64');
}

const IGNORED_IN_BASE64 = /[\s\p{Cc}\p{Cf}"']+/gu;
const EQUALS_SIGN = 0x3d;

/** JSON or SVG, even if the header says base64: base64 never starts with a bracket. */
function isMarkup(payload: string): boolean {
  return /^\s*(?:[{<]|%7b|%3c)/i.test(payload);
}

/**
 * Raw JSON may contain percent signs that must stay: decoding `%22` inside a string would end the string, and decoding `%2F`
 * inside a URL would change the URL.
 */
function decodeRaw(payload: string): Uint8Array {
  // Trimmed as it is when it is read.
  const content = payload.includes('%') ? trimText(payload) : payload;
  // Percent signs in a `data:` URI belong to it.
  if (isDataUri(content)) return Buffer.from(content.toWellFormed(), 'utf8');
  const isRawJson = content.includes('%') && isJson(content);
  return isRawJson ? Buffer.from(decodeTexts(content).toWellFormed(), 'utf8') : decodePercent(payload);
}

/** An object, a list, or a text that contains JSON. */
const JSON_TEXT = /^[{["]/;

function isJson(content: string): boolean {
  if (!JSON_TEXT.test(content)) return false;
  try {
    JSON.parse(content);
    return true;
  } catch {
    return false;
  }
}

/** Decodes the strings of raw JSON, except URLs, whose percent escapes belong to them. */
function decodeTexts(json: string): string {
  let decoded = '';
  let copied = 0;
  for (let start = json.indexOf('"'); start !== -1; start = json.indexOf('"', copied)) {
    const end = endOfString(json, start) + 1;
    const literal = json.slice(start, end);
    decoded += json.slice(copied, start) + (literal.includes('%') ? decodeLiteral(literal) : literal);
    copied = end;
  }
  return decoded + json.slice(copied);
}

function decodeLiteral(literal: string): string {
  const value = String(JSON.parse(literal));
  const text = trimText(value);
  if (isJson(text)) return JSON.stringify(decodeTexts(text));
  if (text.startsWith('<')) return JSON.stringify(decodeMarkup(text));
  return isAddress(text) ? literal : JSON.stringify(decodeText(value));
}

/** An address, or a text that contains a URL. If the scheme is encoded, all of the text is. */
function isAddress(text: string): boolean {
  if (URL_TEXT.test(text)) return true;
  if (/\s/.test(text) || ENCODED_SCHEME.test(text)) return false;
  return isLinkWithoutScheme(text) || ['content', 'url'].includes(parseUri(text).kind);
}

/** Decodes SVG, except the URLs in its attributes. */
function decodeMarkup(markup: string): string {
  let decoded = '';
  let copied = 0;
  for (const { 0: url, index } of markup.matchAll(URL_IN_MARKUP)) {
    decoded += decodeText(markup.slice(copied, index)) + url;
    copied = index + url.length;
  }
  return decoded + decodeText(markup.slice(copied));
}

/** Keeps escapes that do not decode to UTF-8. */
function decodeText(text: string): string {
  const bytes = decodePercent(text);
  return isUtf8(bytes) ? Buffer.from(bytes).toString('utf8') : text;
}

/** A URL, or a text that contains one, unless all of the text is encoded SVG. */
const URL_TEXT = /^\s*[a-z][a-z0-9+.-]*:\S|^(?!\s*%3c).*:\/\//is;
const ENCODED_SCHEME = /^[a-z][a-z0-9+.-]*%(?:25)*3a/i;
const URL_IN_MARKUP = /\b(?:[a-z][a-z0-9+.-]{0,20}:\/\/|data:)[^\s"'<>()]+/gi;

/** `%XX` becomes a byte; every other character, including a bare `%`, becomes its UTF-8 bytes. */
function decodePercent(payload: string): Uint8Array {
  const bytes = Buffer.from(payload.toWellFormed(), 'utf8');
  if (!payload.includes('%')) return bytes;
  let length = 0;
  for (let index = 0; index < bytes.length; index += 1) {
    const high = bytes[index] === PERCENT ? hexDigit(bytes[index + 1]) : -1;
    const low = high === -1 ? -1 : hexDigit(bytes[index + 2]);
    if (low === -1) {
      bytes[length] = bytes[index]!;
    } else {
      bytes[length] = high * 16 + low;
      index += 2;
    }
    length += 1;
  }
  return bytes.subarray(0, length);
}

const PERCENT = 0x25;
