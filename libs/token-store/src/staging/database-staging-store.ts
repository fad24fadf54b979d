import { bigintArray, booleanArray, integerArray, textArray, uuidArray } from '@app/database';
import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import { arrayText } from '../array-text.js';
import type { MetadataSourceKind, TokenMetadata } from '../token-metadata.js';
import type { TraitSummary } from '../token-store.js';
import { TraitIndex } from '../trait-index.js';
import type { KeptDocument, VersionReference } from '../version-store.js';
import { compareStaged, inspectStaged, listStagedTraits, preparePreview } from './staged-preview-reader.js';
import type { StagedChanges, StagedFinding } from './staged-preview.js';
import {
  StagingStore,
  type RevealedVersion,
  type StagedDocument,
  type StagedPageQuery,
  type StagedReveal,
} from './staging-store.js';

/** The fields of the record. The others have columns of their own. */
type StoredFields = Omit<TokenMetadata, 'raw' | 'contentHash' | 'warnings'>;

interface StagedRow {
  tokenId: string;
  fetchSeq: string;
  refreshId: string;
  contentHash: string;
  metadataUrl: string;
  metadataSource: MetadataSourceKind;
  etag: string | null;
  lastModified: string | null;
  warnings: string[] | null;
  metadata: StoredFields;
  raw: string;
}

/** For a statement on `staged_documents as staged`. */
const stagedColumns = sql.raw(`
  staged.token_id::text as "tokenId", staged.fetch_seq::text as "fetchSeq", staged.refresh_id as "refreshId",
  staged.content_hash as "contentHash", staged.metadata_url as "metadataUrl", staged.metadata_source as "metadataSource",
  staged.http_etag as etag, staged.http_last_modified as "lastModified", staged.warnings, staged.metadata, staged.raw::text as raw`);

/** Of one page, in characters. A single document may be larger. */
const MAX_PAGE_SIZE = 16 * 1024 * 1024;

/** Staged documents in `nft_metadata.staged_documents`. */
@Injectable()
export class DatabaseStagingStore extends StagingStore {
  constructor(
    private readonly em: EntityManager,
    private readonly traits: TraitIndex,
  ) {
    super();
  }

  /** The rows of trait values are there before the reveal is published, with a count of 0, which no list shows. */
  override async prepare(documents: readonly StagedDocument[]): Promise<void> {
    if (documents.length > 0) await this.traits.prepare(documents.map(traitsOf));
  }

  override async stage(em: EntityManager, documents: readonly StagedDocument[]): Promise<Map<string, number>> {
    if (documents.length === 0) return new Map();
    const traitIds = await this.traits.idsOf(em, documents.map(traitsOf));
    const metadata = documents.map((document) => JSON.stringify(fieldsOf(document.metadata)));
    const { rows } = await sql<{ revealId: string; staged: number }>`
      with staged as (
        insert into nft_metadata.staged_documents as staged (
          reveal_id, token_id, fetch_seq, refresh_id, fetched_at, size, has_image, content_hash, metadata_url, metadata_source,
          http_etag, http_last_modified, warnings, trait_ids, metadata, raw
        )
        select distinct on (reveal_id, token_id) reveal_id, token_id, fetch_seq, refresh_id, now(), size, has_image,
          content_hash, metadata_url, metadata_source, etag, last_modified, warnings::text[], trait_ids::bigint[],
          metadata::json, raw::json
        from unnest(
          ${uuidArray(documents.map(({ revealId }) => revealId))}::uuid[],
          ${textArray(documents.map(({ tokenId }) => tokenId))}::text[]::numeric[],
          ${bigintArray(documents.map(({ fetchSeq }) => fetchSeq))}::bigint[],
          ${uuidArray(documents.map(({ refreshId }) => refreshId))}::uuid[],
          ${integerArray(documents.map(({ metadata: { raw } }, index) => raw.length + metadata[index]!.length))}::integer[],
          ${booleanArray(documents.map(({ metadata: { imageUrl } }) => imageUrl !== null))}::boolean[],
          ${textArray(documents.map(({ metadata: { contentHash } }) => contentHash))}::text[],
          ${textArray(documents.map(({ metadataUrl }) => metadataUrl))}::text[],
          ${textArray(documents.map(({ metadataSource }) => metadataSource))}::text[],
          ${textArray(documents.map(({ etag }) => etag))}::text[],
          ${textArray(documents.map(({ lastModified }) => lastModified))}::text[],
          ${textArray(documents.map(({ metadata: { warnings } }) => (warnings.length > 0 ? arrayText(warnings) : null)))}::text[],
          ${textArray(traitIds.map((ids) => `{${ids.join(',')}}`))}::text[],
          ${textArray(metadata)}::text[],
          ${textArray(documents.map(({ metadata: { raw } }) => raw))}::text[]
        ) as row (
          reveal_id, token_id, fetch_seq, refresh_id, size, has_image, content_hash, metadata_url, metadata_source, etag,
          last_modified, warnings, trait_ids, metadata, raw
        )
        -- In key order, so that two batches cannot deadlock.
        order by reveal_id, token_id, fetch_seq desc
        on conflict (reveal_id, token_id) do update
        set fetch_seq = excluded.fetch_seq, refresh_id = excluded.refresh_id, fetched_at = excluded.fetched_at,
          size = excluded.size, has_image = excluded.has_image, content_hash = excluded.content_hash,
          metadata_url = excluded.metadata_url, metadata_source = excluded.metadata_source, http_etag = excluded.http_etag,
          http_last_modified = excluded.http_last_modified, warnings = excluded.warnings, trait_ids = excluded.trait_ids,
          metadata = excluded.metadata, raw = excluded.raw
        where staged.fetch_seq < excluded.fetch_seq
        -- 0: the row was inserted.
        returning reveal_id, xmax
      )
      select reveal_id as "revealId", count(*)::int as staged from staged where xmax = 0 group by reveal_id`.execute(
      em.getKysely(),
    );
    return new Map(rows.map(({ revealId, staged }) => [revealId, staged]));
  }

  override async page(
    em: EntityManager,
    { revealId, collectionId, after, limit }: StagedPageQuery,
  ): Promise<StagedDocument[]> {
    const { rows } = await sql<StagedRow>`
      with page as materialized (
        select token_id, sum(size) over (order by token_id) - size as size_before from (
          select token_id, size from nft_metadata.staged_documents
          where reveal_id = ${revealId}::uuid and token_id > ${after ?? -1}::numeric
          order by token_id
          limit ${limit}
        ) as next
      )
      select ${stagedColumns}
      from page cross join lateral (
        -- offset 0: one look-up for each document. With old statistics, the planner would read all of them for each.
        select * from nft_metadata.staged_documents
        where reveal_id = ${revealId}::uuid and token_id = page.token_id offset 0
      ) as staged
      where page.size_before < ${MAX_PAGE_SIZE}
      order by staged.token_id`.execute(em.getKysely());
    return rows.map((row) => toStagedDocument({ revealId, collectionId }, row));
  }

  override async compare(em: EntityManager, reveal: StagedReveal): Promise<StagedChanges> {
    await preparePreview(em);
    return compareStaged(em, reveal);
  }

  override async listTraits(em: EntityManager, reveal: StagedReveal, valuesPerType?: number): Promise<TraitSummary[]> {
    await preparePreview(em);
    return listStagedTraits(em, reveal, valuesPerType);
  }

  override async inspect(em: EntityManager, reveal: StagedReveal): Promise<StagedFinding[]> {
    await preparePreview(em);
    return inspectStaged(em, reveal);
  }

  override async recordRevealed(
    em: EntityManager,
    revealId: string,
    versions: readonly VersionReference[],
  ): Promise<void> {
    if (versions.length === 0) return;
    await sql`
      insert into nft_metadata.revealed_versions (reveal_id, token_id, version)
      select ${revealId}::uuid, token_id, version
      from unnest(
        ${textArray(versions.map(({ tokenId }) => tokenId))}::text[]::numeric[],
        ${integerArray(versions.map(({ version }) => version))}::integer[]
      ) as row (token_id, version)`.execute(em.getKysely());
  }

  /** The row of a version has the document that it replaced. offset 0: look-ups by key, whatever the statistics say. */
  override async pageRevealed(
    em: EntityManager,
    { revealId, collectionId, after, limit }: StagedPageQuery,
  ): Promise<RevealedVersion[]> {
    const { rows } = await sql<VersionReference & KeptDocument & { document: string | null }>`
      with revealed as materialized (
        select token_id, version from nft_metadata.revealed_versions
        where reveal_id = ${revealId}::uuid and token_id > ${after ?? -1}::numeric
        order by token_id
        limit ${limit}
      ), page as materialized (
        select revealed.*, token.id, sum(made.size) over (order by revealed.token_id) - made.size as size_before
        from revealed
        left join lateral (
          select id from nft_metadata.tokens
          where collection_id = ${collectionId}::uuid and token_id = revealed.token_id and metadata_version = revealed.version
          offset 0
        ) as token on true
        cross join lateral (
          select coalesce(max(length(replaced_raw::text)), 0) as size from nft_metadata.token_versions
          where id = token.id and version = revealed.version
        ) as made
      )
      select page.token_id::text as "tokenId", page.version, made.document, coalesce(earlier.warnings, '{}') as warnings,
        coalesce(earlier.is_pushed, false) as "isPushed"
      from page
      left join lateral (
        select replaced_raw::text as document from nft_metadata.token_versions
        where id = page.id and version = page.version
        offset 0
      ) as made on true
      left join lateral (
        select warnings, is_pushed from nft_metadata.token_versions
        where id = page.id and version = page.version - 1
        offset 0
      ) as earlier on true
      where page.size_before < ${MAX_PAGE_SIZE}
      order by page.token_id`.execute(em.getKysely());
    return rows.map(({ tokenId, version, document, ...earlier }) => {
      return { tokenId, version, earlier: document === null ? null : { ...earlier, document } };
    });
  }

  override deleteStaged(revealId: string, limit: number): Promise<number> {
    return this.delete('staged_documents', revealId, limit);
  }

  override deleteRevealed(revealId: string, limit: number): Promise<number> {
    return this.delete('revealed_versions', revealId, limit);
  }

  private async delete(
    table: 'staged_documents' | 'revealed_versions',
    revealId: string,
    limit: number,
  ): Promise<number> {
    const rows = sql.table(`nft_metadata.${table}`);
    const { numAffectedRows = 0n } = await sql`
      delete from ${rows} where reveal_id = ${revealId}::uuid and token_id = any(array(
        select token_id from ${rows} where reveal_id = ${revealId}::uuid order by token_id limit ${limit}
      ))`.execute(this.em.fork().getKysely());
    return Number(numAffectedRows);
  }
}

function traitsOf({ collectionId, metadata: { attributes } }: StagedDocument) {
  return { collectionId, attributes };
}

function fieldsOf(metadata: TokenMetadata): StoredFields {
  const { raw: _, contentHash: __, warnings: ___, ...fields } = metadata;
  return fields;
}

function toStagedDocument(
  reveal: { revealId: string; collectionId: string },
  { tokenId, fetchSeq, refreshId, metadataUrl, metadataSource, etag, lastModified, ...document }: StagedRow,
): StagedDocument {
  const { metadata, raw, contentHash, warnings } = document;
  return {
    ...reveal,
    tokenId,
    fetchSeq,
    refreshId,
    metadata: { ...metadata, raw, contentHash, warnings: warnings ?? [] },
    metadataUrl,
    metadataSource,
    etag: etag ?? undefined,
    lastModified: lastModified ?? undefined,
  };
}
