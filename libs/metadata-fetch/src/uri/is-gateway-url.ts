import { parseUri } from '@app/metadata-uri';
import type { Gateways } from './gateways.js';

/** Whether a URL requests content from a configured gateway or a well-known public one, which does not own the content. */
export function isGatewayUrl(text: string, { ipfs, arweave }: Gateways): boolean {
  const url = URL.parse(text);
  if (!url) return false;
  const parsed = parseUri(text);
  if (parsed.kind === 'content' || (parsed.kind === 'url' && parsed.content)) return true;
  const pathBelow = (base: string) => (url.href.startsWith(`${base}/`) ? url.href.slice(base.length) : '');
  return (
    ipfs.some(({ base }) => /^\/ip[fn]s\//.test(pathBelow(base))) ||
    arweave.some(({ base }) => /^\/[\w-]{43}(?![\w-])/.test(pathBelow(base)))
  );
}
