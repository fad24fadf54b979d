import { isDataUri, toDataUri } from './data-uri.js';
import { decodeDocument, type DecodedDocument } from './json-document.js';
import { describeMedia } from './media-document.js';
import type { UndecodableReason } from './fetch-outcome.js';
import type { FetchedMetadata } from './fetched-metadata.js';
import type { Gateways } from './gateways.js';
import { normalizeMetadata } from './normalize-metadata.js';
import type { TokenStandard } from './token-id-template.js';

/** All that reading needs, as plain data: a worker thread gets a copy of it. */
export interface DocumentToRead {
  body: Uint8Array;
  contentType: string | null;
  /** What names the body: the token URI, never the gateway that has served it. Without secrets. */
  url: string;
  tokenId: string;
  /** Known of what a contract answers only. */
  standard?: TokenStandard | undefined;
  gateways: Gateways;
}

export type ReadDocument =
  { kind: 'read'; metadata: FetchedMetadata } | { kind: 'undecodable'; reason: UndecodableReason };

/** Decode and normalise. */
export function readDocument({ body, contentType, url, tokenId, standard, gateways }: DocumentToRead): ReadDocument {
  const decoded = decodeDocument(body, contentType);
  if (decoded.kind === 'undecodable') return decoded;
  const document = decoded.kind === 'media' ? describeMedia(decoded.mediaType, addressOf(decoded, body, url)) : decoded;
  return { kind: 'read', metadata: normalizeMetadata(document, { tokenId, standard, gateways }) };
}

/** Where media can be seen. Of a `data:` token URI, `url` shows the beginning only. */
function addressOf(
  { mediaType, url: inside }: Extract<DecodedDocument, { kind: 'media' }>,
  body: Uint8Array,
  url: string,
): string {
  return inside ?? (isDataUri(url) ? toDataUri(mediaType, body) : url);
}
