import { isDataUri } from '@app/metadata-uri';
import { toDataUri } from '../uri/data-uri.js';
import { decodeDocument, type DecodedDocument } from './json-document.js';
import { describeMedia, MEDIA_INSTEAD_OF_DOCUMENT } from './media-document.js';
import type { UndecodableReason } from '../fetch-outcome.js';
import type { FetchedMetadata } from './fetched-metadata.js';
import type { Gateways } from '../uri/gateways.js';
import { normalizeMetadata } from './normalize-metadata.js';
import type { TokenStandard } from '../uri/token-id-template.js';
import { isUsable } from './usable-metadata.js';

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
  /** Whether a picture or a film may stand in the place of the document. */
  acceptsMedia: boolean;
}

export type ReadDocument =
  { kind: 'read'; metadata: FetchedMetadata } | { kind: 'undecodable'; reason: UndecodableReason };

/** Decode, normalise, and look whether anything came of it. */
export function readDocument({ body, contentType, url, acceptsMedia, ...context }: DocumentToRead): ReadDocument {
  const decoded = decodeDocument(body, contentType);
  if (decoded.kind === 'undecodable') return decoded;
  if (decoded.kind === 'media') {
    if (!acceptsMedia) return { kind: 'undecodable', reason: MEDIA_INSTEAD_OF_DOCUMENT };
    const document = describeMedia(decoded.mediaType, addressOf(decoded, body, url));
    return { kind: 'read', metadata: normalizeMetadata(document, context) };
  }
  const metadata = normalizeMetadata(decoded, context);
  return isUsable(metadata) ? { kind: 'read', metadata } : { kind: 'undecodable', reason: 'no_known_fields' };
}

/** Where media can be seen. Of a `data:` token URI, `url` shows the beginning only. */
function addressOf(
  { mediaType, url: inside }: Extract<DecodedDocument, { kind: 'media' }>,
  body: Uint8Array,
  url: string,
): string {
  return inside ?? (isDataUri(url) ? toDataUri(mediaType, body) : url);
}
