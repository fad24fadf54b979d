import type { DecodedDocument } from './json-document.js';
import type { JsonObject } from './json-value.js';

/** The warning of a record that such a document made, and the reason of a failure where a real one is due. */
export const MEDIA_INSTEAD_OF_DOCUMENT = 'media_instead_of_document';

/** A token URI that leads to a picture or a film: the document that its creator might have written. */
export function describeMedia(mediaType: string, url: string): Extract<DecodedDocument, { kind: 'document' }> {
  const document: JsonObject = mediaType.startsWith('image/') ? { image: url } : { animation_url: url };
  return { kind: 'document', document, raw: JSON.stringify(document), warnings: [MEDIA_INSTEAD_OF_DOCUMENT] };
}
