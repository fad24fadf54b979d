import { parseDataUri, toDataUri } from './data-uri.js';

const HEADER = /^data:[^,]*,/i;

/**
 * A `data:` URI as a browser shows it whole. Contracts write pictures raw into it, and a browser would end them at a `#`,
 * drop their line breaks, which part the attributes of an element, and refuse what is not the base64 that it announces.
 * Where nothing of that is so, the URI is what it was.
 */
export function shownDataUri(uri: string): string {
  const header = HEADER.exec(uri)?.[0];
  if (header === undefined) return uri;
  const payload = uri.slice(header.length);
  if (/;\s*base64\s*,$/i.test(header)) return isForeignBase64(payload) ? encodedAnew(uri) : uri;
  return /[#\t\n\r]/.test(payload) ? header + escapeMarkup(payload) : uri;
}

/** In the URL-safe alphabet, or no base64 at all but the picture itself. */
function isForeignBase64(payload: string): boolean {
  return payload.includes('-') || payload.includes('_') || /^\s*(?:<|%3c)/i.test(payload);
}

function encodedAnew(uri: string): string {
  const data = parseDataUri(uri);
  return data ? toDataUri(data.contentType.replace(' ', ''), data.body) : uri;
}

/** A `#` behind the end of the markup is what it says: the part of the picture that is meant. */
function escapeMarkup(payload: string): string {
  const end = Math.max(payload.lastIndexOf('>'), payload.toLowerCase().lastIndexOf('%3e'));
  const markup = end === -1 ? payload : payload.slice(0, end);
  return markup.replace(/[#\t\n\r]/g, encodeURIComponent) + payload.slice(markup.length);
}
