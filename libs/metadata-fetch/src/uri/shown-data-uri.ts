import { parseDataUri, toDataUri } from './data-uri.js';

const HEADER = /^data:[^,]*,/i;

/**
 * Repairs a `data:` URI so that a browser shows all of it. Contracts write SVG unencoded; a browser would end it at a `#`, drop
 * the line breaks between attributes, and reject content that is not the declared base64. Returns any other URI unchanged.
 */
export function shownDataUri(uri: string): string {
  const header = HEADER.exec(uri)?.[0];
  if (header === undefined) return uri;
  const payload = uri.slice(header.length);
  if (/;\s*base64\s*,$/i.test(header)) return isInvalidBase64(payload) ? reencode(uri) : uri;
  return /[#\t\n\r]/.test(payload) ? header + escapeMarkup(payload) : uri;
}

/** The URL-safe alphabet, or SVG instead of base64. */
function isInvalidBase64(payload: string): boolean {
  return payload.includes('-') || payload.includes('_') || /^\s*(?:<|%3c)/i.test(payload);
}

function reencode(uri: string): string {
  const data = parseDataUri(uri);
  return data ? toDataUri(data.contentType.replace(' ', ''), data.body) : uri;
}

/** A `#` after the markup starts a real fragment, which selects a part of the image. */
function escapeMarkup(payload: string): string {
  const end = Math.max(payload.lastIndexOf('>'), payload.toLowerCase().lastIndexOf('%3e'));
  const markup = end === -1 ? payload : payload.slice(0, end);
  return markup.replace(/[#\t\n\r]/g, encodeURIComponent) + payload.slice(markup.length);
}
