import { trimText } from '@app/metadata-uri';
import { parseDataUri, toDataUri, type DataUri } from './data-uri.js';

const HEADER = /^data:[^,]*,/i;

/**
 * Repairs a `data:` URI so that a browser shows all of it. Contracts write SVG unencoded; a browser would end it at a `#`, drop
 * the line breaks between attributes, and reject content that is not the declared base64. null: the URI has no content, or its
 * content cannot be decoded.
 */
export function shownDataUri(uri: string): string | null {
  const header = HEADER.exec(uri)?.[0];
  if (header === undefined) return null;
  const isBase64 = /;\s*base64\s*[;,]/i.test(header);
  // Base64 has no `#`, so a fragment follows.
  const [content = ''] = isBase64 && !isMarkup(uri, header) ? uri.split('#', 1) : [uri];
  const data = parseDataUri(content);
  if (!data || isBlank(data)) return null;
  const payload = content.slice(header.length);
  if (!isBase64) return /[#\t\n\r]/.test(payload) ? header + escapeMarkup(payload) : uri;
  if (/;\s*base64\s*,$/i.test(header) && isStandardBase64(payload)) return uri;
  return toDataUri(plainType(data.contentType), data.body) + uri.slice(content.length);
}

function isMarkup(uri: string, header: string): boolean {
  return /^\s*(?:[{<]|%7b|%3c)/i.test(uri.slice(header.length, header.length + 64));
}

function isBlank({ mediaType, body }: DataUri): boolean {
  if (body.length === 0) return true;
  return mediaType.startsWith('image/svg') && trimText(Buffer.from(body.subarray(0, 1024)).toString('utf8')) === '';
}

/** Whether browsers decode it: only ASCII white space is ignored, and `=` may only complete the last four digits. */
function isStandardBase64(payload: string): boolean {
  const digits = payload.replace(/[\t\n\f\r ]+|%(?:20|0a|0d|09)/gi, '').replace(/%3d/gi, '=');
  const end = digits.indexOf('=');
  if (end !== -1 && (digits.length % 4 !== 0 || !/^={1,2}$/.test(digits.slice(end)))) return false;
  return /^[A-Za-z0-9+/]*$/.test(end === -1 ? digits : digits.slice(0, end));
}

/** A content type without a charset that would break the header. */
function plainType(contentType: string): string {
  return /^[^;]*(?:; charset=[\w-]+$)?/i.exec(contentType)![0].replace(' ', '');
}

/** A `#` after the markup starts a real fragment, which selects a part of the image. */
function escapeMarkup(payload: string): string {
  const end = Math.max(payload.lastIndexOf('>'), payload.toLowerCase().lastIndexOf('%3e'));
  const markup = end === -1 ? payload : payload.slice(0, end);
  return markup.replace(/[#\t\n\r]/g, encodeURIComponent) + payload.slice(markup.length);
}
