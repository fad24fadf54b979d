import { isUtf8 } from 'node:buffer';
import { hexDigit } from '../document/hex-digit.js';
import { endOfString } from '../document/json-string.js';

/** A `data:` URI, taken apart by hand. */
export interface DataUri {
  /** Lower case, without parameters; '' when none is given. */
  mediaType: string;
  /** As a content type header would say it. */
  contentType: string;
  body: Uint8Array;
}

const DATA_URI = /^data:([^,]*),/i;
const BASE64 = /^[A-Za-z0-9+/]*$/;

/**
 * Cut at the first comma. A URL parser would end the document at a raw `#`, which on-chain SVG is full of, and
 * `decodeURIComponent` throws on "100% real"; `+` is a plus sign here, not a space. null: no such URI.
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

/** The other way round: content as an address of its own. */
export function toDataUri(mediaType: string, body: Uint8Array): string {
  return `data:${mediaType};base64,${Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('base64')}`;
}

/** Padded or not, in the URL-safe alphabet or not, broken into lines or not, percent-encoded or not. */
function decodeBase64(payload: string): Uint8Array | null {
  const plain = payload.includes('%') ? Buffer.from(decodePercent(payload)).toString('latin1') : payload;
  const digits = plain.replace(/\s+/g, '').replaceAll('-', '+').replaceAll('_', '/');
  const padding = /={0,2}$/.exec(digits.slice(-2))![0].length;
  const unpadded = digits.slice(0, digits.length - padding);
  if (!BASE64.test(unpadded) || unpadded.length % 4 === 1) return null;
  return Buffer.from(digits, 'base64');
}

/** JSON or SVG itself, whatever the header says: no base64 begins with a bracket. */
function isMarkup(payload: string): boolean {
  return /^\s*(?:[{<]|%7b|%3c)/i.test(payload);
}

/**
 * JSON may stand here raw and hold percent signs of its own: decoding `%22` inside one of its strings would end it, and
 * decoding `%2F` inside an address would make another one of it.
 */
function decodeRaw(payload: string): Uint8Array {
  const isRawJson = payload.includes('%') && /^\s*\{/.test(payload) && isJson(payload);
  return isRawJson ? Buffer.from(decodeTexts(payload).toWellFormed(), 'utf8') : decodePercent(payload);
}

function isJson(content: string): boolean {
  try {
    JSON.parse(content);
    return true;
  } catch {
    return false;
  }
}

/** Raw JSON with its texts decoded, and its addresses as they are: their escapes are their own. */
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
  const text = String(JSON.parse(literal));
  if (ADDRESS.test(text)) return literal;
  const bytes = decodePercent(text);
  return isUtf8(bytes) ? JSON.stringify(Buffer.from(bytes).toString('utf8')) : literal;
}

/** An address, or a text with one in it; SVG, which names its namespace by one, is text. */
const ADDRESS = /^\s*[a-z][a-z0-9+.-]*:\S|^(?!\s*<).*:\/\//is;

/** `%XX` becomes a byte; every other character, a bare `%` included, is itself in UTF-8. */
function decodePercent(payload: string): Uint8Array {
  const bytes = Buffer.from(payload.toWellFormed(), 'utf8');
  if (!payload.includes('%')) return bytes;
  let length = 0;
  for (let at = 0; at < bytes.length; at += 1) {
    const high = bytes[at] === PERCENT ? hexDigit(bytes[at + 1]) : -1;
    const low = high === -1 ? -1 : hexDigit(bytes[at + 2]);
    if (low === -1) {
      bytes[length] = bytes[at]!;
    } else {
      bytes[length] = high * 16 + low;
      at += 2;
    }
    length += 1;
  }
  return bytes.subarray(0, length);
}

const PERCENT = 0x25;
