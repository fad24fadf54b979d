import { parseArweaveReference } from './arweave-reference.js';
import { isDataUri, toDataUri } from './data-uri.js';
import { LONGEST_URI } from './fetch-limits.js';
import { publicArweaveUrl, publicIpfsUrl, type Gateways } from './gateways.js';
import { parseIpfsReference } from './ipfs-reference.js';
import { shownDataUri } from './shown-data-uri.js';
import { isSvg } from './svg-text.js';

/** What a page may do with an address that a stranger wrote. */
export type MediaUrl =
  | { kind: 'usable'; url: string }
  /** Could run or read something where it is shown: `javascript:`, `file:`, a page inside a `data:` URI. */
  | { kind: 'unsafe' }
  /** A path or a file name. What it is relative to is not known, since gateways and redirects stand between. */
  | { kind: 'relative' }
  | { kind: 'invalid' };

const SAFE_IMAGE_DATA = /^data:image\/[\w.+-]+[;,]/i;
/** Kept as it was written; anything else is rewritten as the URL standard does, quotes and blanks encoded. */
const PLAIN_URL = /^https?:\/\/[a-z0-9][a-z0-9.-]*(?::\d{1,4})?(?:[/?#][\w\-.~!$&()*+,;=:@%/?#[\]|]*)?$/i;
const SAFE_MEDIA_DATA = /^data:(?:image|video|audio|model)\/[\w.+-]+[;,]/i;

/** An image for an `<img>`; an SVG there runs no scripts. Never requested by us. */
export function readImageUrl(text: string, gateways: Gateways): MediaUrl {
  if (text.startsWith('<') && isSvg(text))
    return { kind: 'usable', url: toDataUri('image/svg+xml', Buffer.from(text, 'utf8')) };
  return readUrl(text, gateways, SAFE_IMAGE_DATA);
}

export function readAnimationUrl(text: string, gateways: Gateways): MediaUrl {
  return readUrl(text, gateways, SAFE_MEDIA_DATA);
}

/** A link to follow: never a `data:` URI. */
export function readLinkUrl(text: string, gateways: Gateways): MediaUrl {
  return readUrl(text, gateways, null);
}

function readUrl(text: string, gateways: Gateways, safeData: RegExp | null): MediaUrl {
  if (isDataUri(text)) return safeData?.test(text) ? { kind: 'usable', url: shownDataUri(text) } : { kind: 'unsafe' };
  if (text.length > LONGEST_URI) return { kind: 'invalid' };
  if (/^https?:/i.test(text)) return readHttpUrl(text);

  const ipfs = parseIpfsReference(text);
  if (ipfs) return ipfs === 'invalid' ? { kind: 'invalid' } : { kind: 'usable', url: publicIpfsUrl(gateways, ipfs) };
  const arweave = parseArweaveReference(text);
  if (arweave === 'invalid') return { kind: 'invalid' };
  if (arweave) return { kind: 'usable', url: publicArweaveUrl(gateways, arweave) };
  return hasScheme(text) ? { kind: 'unsafe' } : { kind: 'relative' };
}

function readHttpUrl(text: string): MediaUrl {
  if (PLAIN_URL.test(text)) return { kind: 'usable', url: text };
  const url = URL.parse(text);
  if (!url) return { kind: 'invalid' };
  url.username = '';
  url.password = '';
  return { kind: 'usable', url: url.href };
}

// Browsers skip control characters and blanks in a scheme, so "java\nscript:" counts as one.
function hasScheme(text: string): boolean {
  return /^[a-z][a-z0-9+.-]*:/i.test(text.replace(/[^\u0021-\uffff]+/g, ''));
}
