import type { DecodedDocument } from './json-document.js';
import type { JsonObject } from './json-value.js';

/** A warning on a record made from media, and the reason of a failure where only a document is accepted. */
export const MEDIA_INSTEAD_OF_DOCUMENT = 'media_instead_of_document';

/** A substitute document for a token URI that leads to an image or a video. */
export function describeMedia(mediaType: string, url: string): Extract<DecodedDocument, { kind: 'document' }> {
  const document: JsonObject = mediaType.startsWith('image/') ? { image: url } : { animation_url: url };
  return { kind: 'document', document, raw: JSON.stringify(document), warnings: [MEDIA_INSTEAD_OF_DOCUMENT] };
}
