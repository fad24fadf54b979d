import { bigintArray, textArray, uuidArray } from '@app/database';
import type { EntityManager } from '@mikro-orm/postgresql';
import { sql } from 'kysely';
import { firstDifference, joinBefore, selectDifference, type RecordDifference } from './record-difference.js';
import type { TokenMetadata } from './token-metadata.js';
import type { TokenReference } from './token-record.js';

export interface DocumentWrite extends TokenReference {
  /** The key of the row in `tokens`. The caller has locked it. */
  id: string;
  /** Whether the token has had no document before. */
  isFirst: boolean;
  metadata: TokenMetadata;
}

/** What a document replaced. */
export interface ReplacedDocument {
  /** The search row as it was, `trait_ids` as text; null: there was none. */
  nameKey: string | null;
  traitIds: string | null;
  /** If it was asked for. */
  difference: RecordDifference | null;
}

type ReplacedRow = ReplacedDocument & RecordDifference & { id: string };

/** Writes `token_documents`. Returns what each write replaced, by `id`. */
export async function writeDocuments(
  em: EntityManager,
  writes: readonly DocumentWrite[],
  withDifference: boolean,
): Promise<Map<string, ReplacedDocument>> {
  const replaced = new Map<string, ReplacedDocument>();
  const later = writes.filter(({ isFirst }) => !isFirst);
  if (later.length > 0) {
    for (const { id, nameKey, traitIds, ...difference } of await updateDocuments(em, later, withDifference)) {
      replaced.set(id, { nameKey, traitIds, difference: withDifference ? difference : null });
    }
  }
  const first = writes.filter(({ id }) => !replaced.has(id));
  if (first.length > 0) await insertDocuments(em, first);
  for (const { id, metadata } of first) {
    replaced.set(id, { nameKey: null, traitIds: null, difference: withDifference ? firstDifference(metadata) : null });
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

/** Without those that have no row. */
async function updateDocuments(
  em: EntityManager,
  writes: readonly DocumentWrite[],
  withDifference: boolean,
): Promise<readonly ReplacedRow[]> {
  const { rows } = await sql<ReplacedRow>`
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
        ${uuidArray(writes.map(({ collectionId }) => collectionId))}::uuid[],
        ${textArray(writes.map(({ tokenId }) => tokenId))}::text[]::numeric[]
      ) as row (${COLUMNS}, collection_id, token_id)
      left join nft_metadata.token_search as search using (collection_id, token_id)
      ${withDifference ? joinBefore : sql``}
    where document.id = row.id and document.id = any(${bigintArray(writes.map(({ id }) => id))}::bigint[])
    returning document.id::text as id, search.name_key as "nameKey", search.trait_ids::text as "traitIds"
      ${withDifference ? selectDifference : sql``}`.execute(em.getKysely());
  return rows;
}

async function insertDocuments(em: EntityManager, writes: readonly DocumentWrite[]): Promise<void> {
  await sql`
    insert into nft_metadata.token_documents as document (image_version, ${COLUMNS})
    select (row.image_url is not null)::int, row.id, row.name, row.description, row.image_url, row.image_original,
      row.animation_url, row.animation_original, row.external_url, row.youtube_url, row.background_color, row.decimals,
      row.localization::jsonb, row.attributes::json, row.raw::json
    from unnest(${documentRows(writes)}) as row (${COLUMNS})`.execute(em.getKysely());
}
