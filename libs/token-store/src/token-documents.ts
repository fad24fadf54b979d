import { bigintArray, booleanArray, integerArray, textArray, uuidArray } from '@app/database';
import type { EntityManager } from '@mikro-orm/postgresql';
import { sql, type RawBuilder } from 'kysely';
import { arrayText } from './array-text.js';
import { fieldsOf, joinBefore, selectChangedFields } from './record-difference.js';
import type { Attribute, TokenMetadata } from './token-metadata.js';
import type { TokenReference } from './token-record.js';

export interface DocumentWrite extends TokenReference {
  /** The key of the row in `tokens`. The caller has locked it. */
  id: string;
  /** The version of the record that the document makes. 1: the token has had no document before. */
  version: number;
  metadata: TokenMetadata;
  /** Of the new traits, ascending. */
  traitIds: readonly number[];
  refreshId: string;
  trigger: string | undefined;
  /** The document was pushed, not fetched. Absent: no. */
  isPushed?: boolean;
}

/** What a document replaced. */
export interface ReplacedDocument {
  /** The search row as it was, `trait_ids` as text; null: there was none. */
  nameKey: string | null;
  traitIds: string | null;
  /** As `token_versions` stores them. */
  changedFields: number;
  /** Empty unless they were asked for. */
  attributesBefore: Attribute[];
}

interface DocumentOptions {
  /** Whether the attributes before are wanted. */
  withAttributes: boolean;
  /** Whether the replaced documents are kept with the versions that replaced them. */
  keepReplaced: boolean;
}

/** Writes `token_documents`, and the row of each new version in `token_versions`. Returns what each write replaced, by `id`. */
export async function writeDocuments(
  em: EntityManager,
  writes: readonly DocumentWrite[],
  options: DocumentOptions,
): Promise<Map<string, ReplacedDocument>> {
  const replaced = new Map<string, ReplacedDocument>();
  const later = writes.filter(({ version }) => version > 1);
  if (later.length > 0) {
    for (const { id, ...document } of await updateDocuments(em, later, options)) replaced.set(id, document);
  }
  const first = writes.filter(({ id }) => !replaced.has(id));
  if (first.length > 0) await insertDocuments(em, first);
  for (const { id, metadata } of first) {
    replaced.set(id, { nameKey: null, traitIds: null, changedFields: fieldsOf(metadata), attributesBefore: [] });
  }
  return replaced;
}

const COLUMNS = sql.raw(
  'id, name, description, image_url, image_original, animation_url, animation_original, external_url, youtube_url, background_color, decimals, localization, attributes, raw',
);

/** The columns as arrays, in the order of COLUMNS. */
function documentRows(writes: readonly DocumentWrite[]) {
  const texts = (valueOf: (metadata: TokenMetadata) => string | null) =>
    textArray(writes.map(({ metadata }) => valueOf(metadata)));
  return sql`
    ${bigintArray(writes.map(({ id }) => id))}::bigint[],
    ${texts(({ name }) => name)}::text[],
    ${texts(({ description }) => description)}::text[],
    ${texts(({ imageUrl }) => imageUrl)}::text[],
    ${texts(({ imageOriginal }) => imageOriginal)}::text[],
    ${texts(({ animationUrl }) => animationUrl)}::text[],
    ${texts(({ animationOriginal }) => animationOriginal)}::text[],
    ${texts(({ externalUrl }) => externalUrl)}::text[],
    ${texts(({ youtubeUrl }) => youtubeUrl)}::text[],
    ${texts(({ backgroundColor }) => backgroundColor)}::text[],
    ${texts(({ decimals }) => (decimals === null ? null : String(decimals)))}::text[]::int[],
    ${texts(({ localization }) => localization && JSON.stringify(localization))}::text[],
    ${texts(({ attributes }) => JSON.stringify(attributes))}::text[],
    ${texts(({ raw }) => raw)}::text[]`;
}

const VERSION_COLUMNS = sql.raw('version, refresh_id, trigger, content_hash, warnings, trait_ids, is_pushed');

/** The columns as arrays, in the order of VERSION_COLUMNS. */
function versionRows(writes: readonly DocumentWrite[]) {
  return sql`
    ${integerArray(writes.map(({ version }) => version))}::integer[],
    ${uuidArray(writes.map(({ refreshId }) => refreshId))}::uuid[],
    ${textArray(writes.map(({ trigger }) => trigger))}::text[],
    ${textArray(writes.map(({ metadata }) => metadata.contentHash))}::text[],
    ${textArray(writes.map(({ metadata: { warnings } }) => (warnings.length > 0 ? arrayText(warnings) : null)))}::text[],
    ${textArray(writes.map(({ traitIds }) => `{${traitIds.join(',')}}`))}::text[],
    ${booleanArray(writes.map(({ isPushed = false }) => isPushed))}::boolean[]`;
}

const INSERT_VERSIONS = sql.raw(`
  insert into nft_metadata.token_versions
    (id, version, refresh_id, trigger, created_at, content_hash, warnings, changed_fields, traits_added, traits_removed, replaced_raw, is_pushed)`);

/** Without those that have no row. The difference to the version before is computed in the database: no document is sent. */
async function updateDocuments(
  em: EntityManager,
  writes: readonly DocumentWrite[],
  { withAttributes, keepReplaced }: DocumentOptions,
): Promise<readonly (ReplacedDocument & { id: string })[]> {
  const { rows } = await sql<ReplacedDocument & { id: string }>`
    with updated as (
      update nft_metadata.token_documents as document
      set name = row.name, description = row.description,
        image_version = document.image_version + (document.image_url is distinct from row.image_url)::int,
        image_url = row.image_url, image_original = row.image_original,
        animation_url = row.animation_url, animation_original = row.animation_original,
        external_url = row.external_url, youtube_url = row.youtube_url,
        background_color = row.background_color, decimals = row.decimals, localization = row.localization::jsonb,
        attributes = row.attributes::json, raw = row.raw::json
      from unnest(
          ${documentRows(writes)},
          ${versionRows(writes)},
          ${uuidArray(writes.map(({ collectionId }) => collectionId))}::uuid[],
          ${textArray(writes.map(({ tokenId }) => tokenId))}::text[]::numeric[]
        ) as row (${COLUMNS}, ${VERSION_COLUMNS}, collection_id, token_id)
        left join nft_metadata.token_search as search using (collection_id, token_id)
        ${joinBefore}
      where document.id = row.id and document.id = any(${bigintArray(writes.map(({ id }) => id))}::bigint[])
      returning document.id, row.version, row.refresh_id, row.trigger, row.content_hash, row.warnings, row.trait_ids, row.is_pushed,
        search.name_key, search.trait_ids as trait_ids_before, ${selectChangedFields} as changed_fields,
        ${keepReplaced ? sql`before.raw` : sql`null::json`} as replaced_raw,
        ${withAttributes ? sql`before.attributes` : sql`'[]'::json`} as attributes_before
    ), versions as (
      ${INSERT_VERSIONS}
      select id, version, refresh_id, trigger, now(), content_hash, warnings::text[], changed_fields,
        ${difference(sql`trait_ids::bigint[]`, sql`trait_ids_before`)},
        ${difference(sql`trait_ids_before`, sql`trait_ids::bigint[]`)}, replaced_raw, nullif(is_pushed, false)
      from updated
    )
    select id::text as id, name_key as "nameKey", trait_ids_before::text as "traitIds", changed_fields as "changedFields",
      attributes_before as "attributesBefore"
    from updated`.execute(em.getKysely());
  return rows;
}

/** The ids of one array that the other does not have; either is null for a token without a search row. */
function difference(ids: RawBuilder<unknown>, without: RawBuilder<unknown>) {
  return sql`case when trait_ids = trait_ids_before::text then '{}'
    else array(select id from unnest(${ids}) as id where id <> all(coalesce(${without}, '{}'))) end`;
}

async function insertDocuments(em: EntityManager, writes: readonly DocumentWrite[]): Promise<void> {
  await sql`
    with versions as (
      ${INSERT_VERSIONS}
      select row.id, row.version, row.refresh_id, row.trigger, now(), row.content_hash, row.warnings::text[],
        row.changed_fields, row.trait_ids::bigint[], '{}', null, nullif(row.is_pushed, false)
      from unnest(
        ${bigintArray(writes.map(({ id }) => id))}::bigint[],
        ${versionRows(writes)},
        ${integerArray(writes.map(({ metadata }) => fieldsOf(metadata)))}::integer[]
      ) as row (id, ${VERSION_COLUMNS}, changed_fields)
    )
    insert into nft_metadata.token_documents as document (image_version, ${COLUMNS})
    select (row.image_url is not null)::int, row.id, row.name, row.description, row.image_url, row.image_original,
      row.animation_url, row.animation_original, row.external_url, row.youtube_url, row.background_color, row.decimals,
      row.localization::jsonb, row.attributes::json, row.raw::json
    from unnest(${documentRows(writes)}) as row (${COLUMNS})`.execute(em.getKysely());
}
