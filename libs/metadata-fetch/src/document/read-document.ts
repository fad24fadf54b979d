import { isDataUri } from '@app/metadata-uri';
import { toDataUri } from '../uri/data-uri.js';
import { toCollectionDocument, type CollectionDocument } from './collection-document.js';
import { decodeDocument, type DecodedDocument } from './json-document.js';
import { describeMedia, MEDIA_INSTEAD_OF_DOCUMENT } from './media-document.js';
import type { UndecodableReason } from '../fetch-outcome.js';
import type { FetchedMetadata } from './fetched-metadata.js';
import type { Gateways } from '../uri/gateways.js';
import { normalizeMetadata } from './normalize-metadata.js';
import { parseStoredDocument } from './stored-document.js';
import type { TokenStandard } from '../uri/erc1155-id.js';
import { isUsable } from './usable-metadata.js';

/** Plain data, so that it can be copied to a worker thread. */
export interface DocumentToRead {
  body: Uint8Array;
  contentType: string | null;
  /** The URI of the document, independent of the gateway that served it. Without secrets. */
  url: string;
  tokenId: string;
  /** Known only if the token URI comes from a contract. */
  standard?: TokenStandard | undefined;
  gateways: Gateways;
  /** Whether an image or a video is accepted instead of a document. */
  acceptsMedia: boolean;
  /** Whether to read what only documents of collections have, too. */
  isOfCollection?: boolean | undefined;
  /** For a document that was stored before, and is usable therefore: the warnings that were stored with it. */
  storedWarnings?: readonly string[] | undefined;
}

export type ReadDocument =
  | { kind: 'read'; metadata: FetchedMetadata; collection?: CollectionDocument }
  | { kind: 'undecodable'; reason: UndecodableReason };

/** Decodes and normalises a document, and checks that there is something to show. */
export function readDocument(found: DocumentToRead): ReadDocument {
  const { body, url, storedWarnings } = found;
  if (storedWarnings) {
    const stored = parseStoredDocument({ document: Buffer.from(body).toString(), warnings: storedWarnings });
    return normalized(stored, found);
  }
  const decoded = decodeDocument(body, found.contentType);
  if (decoded.kind === 'undecodable') return decoded;
  if (decoded.kind === 'media') {
    if (!found.acceptsMedia) return { kind: 'undecodable', reason: MEDIA_INSTEAD_OF_DOCUMENT };
    const document = describeMedia(decoded.mediaType, mediaUrlOf(decoded, body, url));
    return normalized(document, found);
  }
  const { document, shown = document } = decoded;
  const read = normalized(decoded, found);
  return isUsable(shown, read.metadata) ? read : { kind: 'undecodable', reason: 'no_known_fields' };
}

function normalized(
  decoded: Extract<DecodedDocument, { kind: 'document' }>,
  found: DocumentToRead,
): Extract<ReadDocument, { kind: 'read' }> {
  const metadata = normalizeMetadata(decoded, found);
  if (!found.isOfCollection) return { kind: 'read', metadata };
  const { document, shown = document } = decoded;
  return { kind: 'read', metadata, collection: toCollectionDocument(metadata, shown, found.gateways) };
}

/** The URL of media. `url` is truncated if the token URI is a `data:` URI, so that is encoded again. */
function mediaUrlOf(
  { mediaType, url: dataUri }: Extract<DecodedDocument, { kind: 'media' }>,
  body: Uint8Array,
  url: string,
): string {
  return dataUri ?? (isDataUri(url) ? toDataUri(mediaType, body) : url);
}
