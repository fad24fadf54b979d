import type { DecodedDocument } from './json-document.js';
import type { JsonObject } from './json-value.js';

/** A token URI that leads to a picture or a film: the document that its creator might have written. */
export function describeMedia(mediaType: string, url: string): Extract<DecodedDocument, { kind: 'document' }> {
  const document: JsonObject = mediaType.startsWith('image/') ? { image: url } : { animation_url: url };
  return { kind: 'document', document, raw: JSON.stringify(document), warnings: ['media_instead_of_document'] };
}
