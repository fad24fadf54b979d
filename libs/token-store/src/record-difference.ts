import { sql } from 'kysely';
import { traitDifference, traitValues, type ChangedField, type MetadataChange } from './metadata-change.js';
import type { Attribute, TokenMetadata } from './token-metadata.js';
import type { TokenReference } from './token-record.js';

/** The columns whose change is told, and what of a record each is. */
const TOLD_COLUMNS: Readonly<Record<string, ChangedField>> = {
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
  attributes: 'attributes',
};

/** How a record differs from what an `update` has found. */
export interface RecordDifference {
  id: string;
  changedFields: ChangedField[];
  attributesBefore: Attribute[];
}

/**
 * For an `update` of `tokens as token` from rows called `row`: the records as it finds them. They are locked already, so
 * nobody else has changed them.
 */
export const joinBefore = sql.raw('join nft_metadata.tokens as before on before.id = row.id');

/** And its result: the difference is made where both versions are, so that only what differs travels. */
export const returningDifference = sql.raw(`
  returning token.id::text as id, before.attributes as "attributesBefore", array_remove(array[${Object.entries(
    TOLD_COLUMNS,
  )
    .map(([column, field]) => `case when before.${column} is distinct from token.${column} then '${field}' end`)
    .join(', ')}], null) as "changedFields"`);

export function toChange(
  { collectionId, tokenId }: TokenReference,
  { changedFields, attributesBefore }: RecordDifference,
  { attributes }: TokenMetadata,
): MetadataChange {
  const traits = traitDifference(traitValues(attributesBefore), traitValues(attributes));
  return { collectionId, tokenId, changedFields, ...traits };
}
