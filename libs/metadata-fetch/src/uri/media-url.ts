import { parseNodeUrl, parseUri, type ParsedUri } from '@app/metadata-uri';
import { toDataUri } from './data-uri.js';
import { isLinkWithoutScheme } from './link-without-scheme.js';
import { publicContentUrl, type Gateways } from './gateways.js';
import { hostAndPort, isPrivateHost } from '@app/safe-http';
import { shownDataUri } from './shown-data-uri.js';
import { isSvg } from '../document/svg-text.js';

/** Whether a web page can safely use an untrusted URL. */
export type MediaUrl =
  | { kind: 'usable'; url: string }
  /** Could run a script or read local files: `javascript:`, `file:`, HTML inside a `data:` URI. */
  | { kind: 'unsafe' }
  /** A host that a browser cannot reach: on the creator's own machine or network. */
  | { kind: 'private' }
  /** A path or a file name. Its base is unknown, because of gateways and redirects. */
  | { kind: 'relative' }
  | { kind: 'invalid' };

const SAFE_IMAGE_DATA = /^data:image\/[\w.+-]+[;,]/i;
/** Kept unchanged. Any other URL is normalised by the URL standard, which encodes quotes and spaces. */
const PLAIN_URL = /^https?:\/\/[a-z0-9][a-z0-9.-]*(?::\d{1,4})?(?:[/?#][\w\-.~!$&()*+,;=:@%/?#[\]|]*)?$/i;
const SAFE_MEDIA_DATA = /^data:(?:image|video|audio|model)\/[\w.+-]+[;,]/i;

/** A URL for an `<img>`, where an SVG cannot run scripts. It is never requested here. */
export function readImageUrl(text: string, gateways: Gateways): MediaUrl {
  if (text.startsWith('<') && isSvg(text))
    return { kind: 'usable', url: toDataUri('image/svg+xml', Buffer.from(text, 'utf8')) };
  return readUrl(text, gateways, SAFE_IMAGE_DATA);
}

export function readAnimationUrl(text: string, gateways: Gateways): MediaUrl {
  return readUrl(text, gateways, SAFE_MEDIA_DATA);
}

/** A link, never a `data:` URI. Adds `https://` to `www.app.example` and `app.example/1`. */
export function readLinkUrl(text: string, gateways: Gateways): MediaUrl {
  const link = readUrl(text, gateways, null);
  return link.kind === 'relative' && isLinkWithoutScheme(text) ? readUrl(`https://${text}`, gateways, null) : link;
}

function readUrl(text: string, gateways: Gateways, safeData: RegExp | null): MediaUrl {
  const uri = parseUri(text);
  const hasUserInfo = uri.kind === 'url' && (uri.url.username !== '' || uri.url.password !== '');
  // Without its user info, a URL may turn out to contain another one: `https://user@https://ipfs://CID`.
  return hasUserInfo
    ? readUrl(withoutUserInfo(uri.url).href, gateways, safeData)
    : toMediaUrl(uri, text, gateways, safeData);
}

function withoutUserInfo(given: URL): URL {
  const url = new URL(given);
  [url.username, url.password] = ['', ''];
  return url;
}

function toMediaUrl(uri: ParsedUri, text: string, gateways: Gateways, safeData: RegExp | null): MediaUrl {
  switch (uri.kind) {
    case 'data':
      return safeData?.test(uri.uri) ? toDataMediaUrl(uri.uri) : { kind: 'unsafe' };
    case 'content':
      return { kind: 'usable', url: publicContentUrl(gateways, uri.content) };
    case 'url': {
      if (!isPrivateHost(uri.url.hostname)) return { kind: 'usable', url: shownUrl(uri.url, text) };
      // The creator's own IPFS node: a browser cannot reach it, but the gateways have the same content.
      const onNode = parseNodeUrl(uri.url);
      if (onNode) return toMediaUrl(onNode, text, gateways, safeData);
      // The operator says that this host may be used, so their readers may reach it.
      return gateways.allowedHosts.has(hostAndPort(uri.url))
        ? { kind: 'usable', url: shownUrl(uri.url, text) }
        : { kind: 'private' };
    }
    case 'other_scheme':
      return { kind: 'unsafe' };
    case 'relative':
    case 'invalid':
      return { kind: uri.kind };
  }
}

function toDataMediaUrl(uri: string): MediaUrl {
  const url = shownDataUri(uri);
  return url === null ? { kind: 'invalid' } : { kind: 'usable', url };
}

function shownUrl(url: URL, text: string): string {
  const isPlain = PLAIN_URL.test(text) && (text === url.href || URL.parse(text)?.href === url.href);
  return isPlain ? text : url.href;
}
