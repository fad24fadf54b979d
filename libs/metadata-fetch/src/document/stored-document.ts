import { parseExactly } from './exact-numbers.js';
import { isJsonObject } from './json-value.js';
import type { MetadataWarning } from './metadata-warnings.js';
import { withoutStoredPadding } from './nul-padding.js';

/** A document that was stored before. */
export interface StoredDocument {
  /** JSON text. */
  document: string;
  /** The warnings that were stored with it. */
  warnings: readonly string[];
}

/** For the normaliser. Throws TypeError unless it is a JSON object, which every document was when it was stored. */
export function parseStoredDocument({ document: raw, warnings }: StoredDocument) {
  const document = parseExactly(raw).value;
  const shown = warnings.includes('replaced_characters') ? withoutStoredPadding(document) : document;
  if (!isJsonObject(document) || !isJsonObject(shown)) throw new TypeError('A stored document is no JSON object.');
  return { kind: 'document' as const, document, shown, raw, warnings: [...warnings] as MetadataWarning[] };
}
