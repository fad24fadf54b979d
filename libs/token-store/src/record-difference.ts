import { sql } from 'kysely';
import { traitDifference, traitValues, type ChangedField, type MetadataChange } from './metadata-change.js';
import type { Attribute, TokenMetadata } from './token-metadata.js';
import type { TokenReference } from './token-record.js';

/** The columns whose changes are reported, and the field of a record that each one is. */
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

/** The difference between a record before and after an `update`. */
export interface RecordDifference {
  changedFields: ChangedField[];
  attributesBefore: Attribute[];
}

/** Joins the old documents to an `update` of `token_documents as document` from rows called `row`. The caller has locked them. */
export const joinBefore = sql.raw('join nft_metadata.token_documents as before on before.id = row.id');

/** Further results of that `update`, compared in the database, so that only the difference is sent. */
export const selectDifference = sql.raw(`
  , before.attributes as "attributesBefore", array_remove(array[${Object.entries(REPORTED_COLUMNS)
    .map(([column, field]) => `case when before.${column} is distinct from document.${column} then '${field}' end`)
    .join(', ')}], null) as "changedFields"`);

/** The difference between no document and the first one. */
export function firstDifference(metadata: TokenMetadata): RecordDifference {
  const fields = Object.values(REPORTED_COLUMNS);
  const changedFields = fields.filter((field) => {
    const value = metadata[field];
    return Array.isArray(value) ? value.length > 0 : value !== null;
  });
  return { changedFields, attributesBefore: [] };
}

export function toChange(
  { collectionId, tokenId }: TokenReference,
  { changedFields, attributesBefore }: RecordDifference,
  { attributes }: TokenMetadata,
): MetadataChange {
  const traits = traitDifference(traitValues(attributesBefore), traitValues(attributes));
  return { collectionId, tokenId, changedFields, ...traits };
}
