import type { TokenRecord } from '@app/token-store';

/** A record that is not stored, with its document, as far as they can be shown. */
export interface ShownRecord {
  /** null: there is none, or it is too large to be shown. */
  record: TokenRecord | null;
  /** The document as served: JSON text. null as the record, and if record and document together are too large. */
  document: string | null;
  /** What was left out because it is too large to be shown. */
  omitted: 'document' | 'record' | null;
}

/** The most characters of a record and its document that are shown: it may have megabytes of inline media. */
const MAX_SHOWN_LENGTH = 256 * 1024;

export function toShownRecord(record: TokenRecord, document: string): ShownRecord {
  const { length } = JSON.stringify(record);
  if (length > MAX_SHOWN_LENGTH) return { record: null, document: null, omitted: 'record' };
  if (length + document.length > MAX_SHOWN_LENGTH) return { record, document: null, omitted: 'document' };
  return { record, document, omitted: null };
}
