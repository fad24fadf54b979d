import type { Gateways } from '../uri/gateways.js';
import type { FetchedMetadata } from './fetched-metadata.js';
import { isJsonObject, type JsonObject } from './json-value.js';
import type { MetadataWarning } from './metadata-warnings.js';
import { normalizeMetadata } from './normalize-metadata.js';
import { mayHoldNul, withoutNulPadding } from './nul-padding.js';
import { sanitizeForPostgres } from './sanitize-for-postgres.js';
import { parseStoredDocument, type StoredDocument } from './stored-document.js';

/** A document that its owner has sent. Plain JSON values, at most 64 levels deep. */
export type PushedDocument = Readonly<Record<string, unknown>>;

/** The fields that are shown. The owner has said what each of them is, so no other field is searched for a missing value. */
const SHOWN_FIELDS = [
  'name',
  'description',
  'image',
  'external_url',
  'animation_url',
  'youtube_url',
  'attributes',
  'background_color',
  'decimals',
  'localization',
];

/** Normalises a document that was sent instead of fetched. All of it is kept in `raw`. */
export function normalizePushedDocument(given: PushedDocument, gateways: Gateways): FetchedMetadata {
  const text = JSON.stringify(given);
  const raw = sanitizeForPostgres(text);
  const document = JSON.parse(raw) as JsonObject;
  const warnings: MetadataWarning[] = raw === text ? [] : ['replaced_characters'];
  const unpadded = raw !== text && mayHoldNul(text) ? withoutNulPadding(text, document) : document;
  const shown = shownFields(isJsonObject(unpadded) ? unpadded : document);
  return normalizeMetadata({ kind: 'document', document, shown, raw, warnings }, { tokenId: '0', gateways });
}

/** The same of one that was stored: no other fields are shown than when it was sent. */
export function normalizeStoredPush(stored: StoredDocument, gateways: Gateways): FetchedMetadata {
  const { shown, ...document } = parseStoredDocument(stored);
  return normalizeMetadata({ ...document, shown: shownFields(shown) }, { tokenId: '0', gateways });
}

function shownFields(fields: JsonObject): JsonObject {
  return Object.fromEntries(SHOWN_FIELDS.flatMap((name) => (name in fields ? [[name, fields[name]!]] : [])));
}

/** Whether a record made from it would have nothing to show. */
export function isEmptyMetadata(metadata: FetchedMetadata): boolean {
  const { name, description, imageUrl, animationUrl, externalUrl, youtubeUrl, attributes } = metadata;
  const values = [name, description, imageUrl, animationUrl, externalUrl, youtubeUrl];
  return values.every((value) => value === null) && attributes.length === 0;
}
