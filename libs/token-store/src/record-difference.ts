import { sql } from 'kysely';
import { traitDifference, traitValues, type ChangedField, type MetadataChange } from './metadata-change.js';
import type { Attribute, MetadataWrite, TokenMetadata } from './token-metadata.js';

/**
 * The columns whose changes are reported, and the field of a record that each one is. Add new ones at the end: the position is the
 * bit in `token_versions.changed_fields`.
 */
const REPORTED_COLUMNS: Readonly<Record<string, ChangedField>> = {
  name: 'name',
  description: 'description',
  image_url: 'imageUrl',
  image_original: 'imageOriginal',
  animation_url: 'animationUrl',
  animation_original: 'animationOriginal',
  external_url: 'externalUrl',
  youtube_url: 'youtubeUrl',
  background_color: 'backgroundColor',
  decimals: 'decimals',
  localization: 'localization',
  'attributes::text': 'attributes',
};

/** The fields of a record whose changes are reported. */
export const REPORTED_FIELDS: readonly ChangedField[] = Object.values(REPORTED_COLUMNS);

/** Joins the old documents to an `update` of `token_documents as document` from rows called `row`. The caller has locked them. */
export const joinBefore = sql.raw('join nft_metadata.token_documents as before on before.id = row.id');

/**
 * The fields that this `update` changes, as a number with one bit for each, which is what `token_versions` stores: compared in the
 * database, so that no document is sent.
 */
export const selectChangedFields = sql.raw(
  Object.keys(REPORTED_COLUMNS)
    .map((column, bit) => `(before.${column} is distinct from document.${column})::int * ${1 << bit}`)
    .join(' + '),
);

/** The fields that have a value: the difference between no document and the first one. As a number, like `selectChangedFields`. */
export function fieldsOf(metadata: TokenMetadata): number {
  const hasValue = (field: ChangedField) => {
    const value = metadata[field];
    return Array.isArray(value) ? value.length > 0 : value !== null;
  };
  return REPORTED_FIELDS.reduce((bits, field, bit) => bits + (hasValue(field) ? 1 << bit : 0), 0);
}

/** Of the number in `token_versions.changed_fields`. */
export function toChangedFields(bits: number): ChangedField[] {
  return REPORTED_FIELDS.filter((_, bit) => bits & (1 << bit));
}

export function toChange(
  { collectionId, tokenId, metadataSource }: Pick<MetadataWrite, 'collectionId' | 'tokenId' | 'metadataSource'>,
  { changedFields, attributesBefore }: { changedFields: number; attributesBefore: readonly Attribute[] },
  { attributes }: TokenMetadata,
): MetadataChange {
  const traits = traitDifference(traitValues(attributesBefore), traitValues(attributes));
  return { collectionId, tokenId, source: metadataSource, changedFields: toChangedFields(changedFields), ...traits };
}
