import { isUtf8 } from 'node:buffer';
import { TextDecoder } from 'node:util';
import type { MetadataWarning } from './metadata-warnings.js';

export interface BodyText {
  text: string;
  warnings: MetadataWarning[];
}

/**
 * Decodes bytes. Tries, in order: a byte order mark; UTF-8 if the bytes are valid, since servers often declare Latin-1 by
 * default; the declared charset; UTF-8 in which invalid bytes become U+FFFD, so that a token loses letters but does not fail.
 */
export function decodeText(body: Uint8Array, contentType: string | null): BodyText {
  const utf16 = utf16Of(body);
  if (utf16) return { text: decodeAs(utf16, body), warnings: [] };

  const warnings: MetadataWarning[] = [];
  const charset = charsetOf(contentType);
  if (charset !== null && !/^utf-?8$/.test(charset)) {
    const decoder = decoderFor(charset);
    if (!decoder) warnings.push('unknown_charset');
    else if (!isUtf8(body)) return { text: withoutByteOrderMark(decoder.decode(body)), warnings };
  }
  const text = decodeUtf8(body);
  // The server may also have sent U+FFFD itself.
  if (text.includes('\ufffd') && !isUtf8(body)) warnings.push('invalid_utf8');
  return { text, warnings };
}

function charsetOf(contentType: string | null): string | null {
  if (contentType === null || !contentType.includes('=')) return null;
  return /;\s*charset\s*=\s*["']?([^\s"';]+)/i.exec(contentType)?.[1]?.toLowerCase() ?? null;
}

function decoderFor(charset: string): TextDecoder | null {
  try {
    return new TextDecoder(charset);
  } catch {
    return null;
  }
}

/**
 * Detects UTF-16 by its byte order mark, or by the zeros beside the first two characters of a JSON text, which are ASCII
 * (RFC 4627, 3). Such bytes are valid UTF-8 too, so there is no other sign.
 */
function utf16Of(body: Uint8Array): 'utf-16le' | 'utf-16be' | null {
  // Not by destructuring, which iterates.
  const [first, second, third, fourth] = [body[0], body[1], body[2], body[3]];
  if (first === 0xff && second === 0xfe) return 'utf-16le';
  if (first === 0xfe && second === 0xff) return 'utf-16be';
  if (first === 0 && third === 0 && second && fourth) return 'utf-16be';
  if (second === 0 && fourth === 0 && first && third) return 'utf-16le';
  return null;
}

function decodeAs(encoding: string, body: Uint8Array): string {
  return withoutByteOrderMark(new TextDecoder(encoding).decode(body));
}

// For documents of a kilobyte, Buffer is several times faster than TextDecoder.
function decodeUtf8(body: Uint8Array): string {
  return withoutByteOrderMark(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8'));
}

function withoutByteOrderMark(text: string): string {
  return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
}
