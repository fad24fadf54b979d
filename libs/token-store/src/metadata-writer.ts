import type { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import type { MetadataChange } from './metadata-change.js';
import { joinBefore, returningDifference, toChange, type RecordDifference } from './record-difference.js';
import { SearchIndex } from './search/search-index.js';
import type { MetadataWrite, TokenMetadata } from './token-metadata.js';
import type { WriteOptions, WriteResult } from './token-store.js';
import { TraitIndex } from './trait-index.js';

interface LockedToken {
  id: string;
  collectionId: string;
  tokenId: string;
  name: string | null;
  contentHash: string | null;
  etag: string | null;
  lastModified: string | null;
  fetchSeq: string;
  traitIds: string[];
}

interface Change {
  token: LockedToken;
  write: MetadataWrite & { metadata: TokenMetadata };
}

/**
 * Writes a batch of successful fetches, all of it in the caller's transaction:
 * locks the token rows in key order, sorts the writes into changed, unchanged and superseded, then writes records, traits,
 * counts and search rows together, so that a reader never sees one without the others.
 */
@Injectable()
export class MetadataWriter {
  constructor(
    private readonly traits: TraitIndex,
    private readonly search: SearchIndex,
  ) {}

  async write(
    em: EntityManager,
    writes: readonly MetadataWrite[],
    { onChange, defer }: WriteOptions = {},
  ): Promise<WriteResult[]> {
    if (writes.length === 0) return [];
    const tokens = await this.lockTokens(em, writes);
    const newest = newestWrites(writes);

    const changes: Change[] = [];
    const touches: { token: LockedToken; write: MetadataWrite }[] = [];
    const results = writes.map((write): WriteResult => {
      const token = tokens.get(keyOf(write));
      if (!token) return 'missing';
      if (newest.get(keyOf(write)) !== write || BigInt(write.fetchSeq) < BigInt(token.fetchSeq)) return 'superseded';
      if (write.metadata === null && !isSameVersion(token, write)) return 'outdated';
      if (write.metadata === null || write.metadata.contentHash === token.contentHash) {
        touches.push({ token, write });
        return 'unchanged';
      }
      changes.push({ token, write: { ...write, metadata: write.metadata } });
      return 'changed';
    });

    if (touches.length > 0) await this.touch(em, touches);
    if (changes.length > 0) await this.replace(em, changes, { onChange, defer });
    return results;
  }

  private async lockTokens(em: EntityManager, writes: readonly MetadataWrite[]): Promise<Map<string, LockedToken>> {
    const { rows } = await sql<LockedToken>`
      select token.id::text as id, token.collection_id as "collectionId", token.token_id::text as "tokenId",
        token.name, token.content_hash as "contentHash", token.http_etag as etag, token.http_last_modified as "lastModified",
        token.fetch_seq::text as "fetchSeq", token.trait_ids::text[] as "traitIds"
      from unnest(
        ${writes.map(({ collectionId }) => collectionId)}::uuid[],
        ${writes.map(({ tokenId }) => tokenId)}::numeric[]
      ) as write (collection_id, token_id)
      join nft_metadata.tokens as token
        on token.collection_id = write.collection_id and token.token_id = write.token_id
      order by token.collection_id, token.token_id
      for no key update of token`.execute(em.getKysely());
    return new Map(rows.map((row) => [keyOf(row), row]));
  }

  /** For an unchanged document: updates the time of the last success and the error fields. */
  private async touch(
    em: EntityManager,
    touches: readonly { token: LockedToken; write: MetadataWrite }[],
  ): Promise<void> {
    await sql`
      update nft_metadata.tokens as token
      set metadata_status = 'ok', stale_since = null, fail_count = 0, last_error_code = null, last_error_reason = null,
        last_attempt_at = now(), last_success_at = now(), fetch_seq = touch.fetch_seq,
        metadata_url = touch.metadata_url, metadata_source = touch.metadata_source, http_etag = touch.etag, http_last_modified = touch.last_modified,
        last_refresh_id = touch.refresh_id
      from jsonb_to_recordset(${JSON.stringify(touches.map(toTouchRow))}::jsonb) as touch (
        id bigint, fetch_seq bigint, metadata_url text, metadata_source text, etag text, last_modified text, refresh_id text
      )
      where token.id = touch.id and token.id = any(${touches.map(({ token }) => token.id)}::bigint[])`.execute(
      em.getKysely(),
    );
  }

  private async replace(
    em: EntityManager,
    changes: readonly Change[],
    { onChange, defer }: WriteOptions,
  ): Promise<void> {
    const traitIds = await this.traits.idsOf(
      em,
      changes.map(({ token, write }) => ({
        collectionId: token.collectionId,
        attributes: write.metadata.attributes,
      })),
    );
    const rows = changes.map((change, index) => toReplaceRow(change, traitIds[index]!));
    const { rows: replaced } = await sql<RecordDifference>`
      update nft_metadata.tokens as token
      set name = row.name, description = row.description,
        image_version = token.image_version + (token.image_url is distinct from row.image_url)::int,
        image_url = row.image_url, image_original = row.image_original,
        animation_url = row.animation_url, animation_original = row.animation_original, external_url = row.external_url, youtube_url = row.youtube_url,
        background_color = row.background_color, decimals = row.decimals, localization = row.localization,
        attributes = row.attributes, raw = row.raw,
        content_hash = row.content_hash, metadata_version = token.metadata_version + 1,
        metadata_url = row.metadata_url, metadata_source = row.metadata_source, warnings = row.warnings, trait_ids = row.trait_ids,
        http_etag = row.etag, http_last_modified = row.last_modified,
        metadata_status = 'ok', stale_since = null, fail_count = 0, last_error_code = null, last_error_reason = null,
        last_attempt_at = now(), last_success_at = now(), changed_at = now(),
        fetch_seq = row.fetch_seq, change_seq = row.fetch_seq, last_refresh_id = row.refresh_id
      from jsonb_to_recordset(${`[${rows.join(',')}]`}::jsonb) as row (
        id bigint, name text, description text, image_url text, image_original text, animation_url text, animation_original text, external_url text,
        youtube_url text, background_color text, decimals int, localization jsonb, attributes jsonb, raw jsonb, content_hash text, metadata_url text, metadata_source text,
        warnings text[], trait_ids bigint[], etag text, last_modified text, fetch_seq bigint, refresh_id text
      ) ${onChange ? joinBefore : sql``}
      where token.id = row.id and token.id = any(${changes.map(({ token }) => token.id)}::bigint[])
      ${onChange ? returningDifference : sql``}`.execute(em.getKysely());
    await this.search.write(
      em,
      changes.flatMap(({ token, write: { metadata } }, index) => {
        const { id, collectionId, tokenId } = token;
        const isSearchedAsBefore =
          token.contentHash !== null && token.name === metadata.name && isEqual(token.traitIds, traitIds[index]!);
        return isSearchedAsBefore
          ? []
          : [{ id, collectionId, tokenId, name: metadata.name, traitIds: traitIds[index]! }];
      }),
    );
    // Before the counts are locked, because other batches wait for those.
    if (onChange) for (const change of differences(changes, replaced)) onChange(change);
    const count = () =>
      this.traits.count(
        em,
        changes.map(({ token }, index) => ({ oldTraitIds: token.traitIds, newTraitIds: traitIds[index]! })),
      );
    if (defer) defer(count);
    else await count();
  }
}

function differences(changes: readonly Change[], replaced: readonly RecordDifference[]): MetadataChange[] {
  const byId = new Map(replaced.map((difference) => [difference.id, difference]));
  return changes.map(({ token, write }) => toChange(token, byId.get(token.id)!, write.metadata));
}

function keyOf({ collectionId, tokenId }: { collectionId: string; tokenId: string }): string {
  return `${collectionId}/${tokenId}`;
}

/** Compares lists of ids in ascending order. */
function isEqual(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((id, at) => id === other[at]);
}

/** A "not modified" response is about the version whose validators were sent. */
function isSameVersion(token: LockedToken, { etag, lastModified }: MetadataWrite): boolean {
  return token.contentHash !== null && token.etag === (etag ?? null) && token.lastModified === (lastModified ?? null);
}

/** For each token of a batch, the fetch that started last. */
function newestWrites(writes: readonly MetadataWrite[]): Map<string, MetadataWrite> {
  const newest = new Map<string, MetadataWrite>();
  for (const write of writes) {
    const other = newest.get(keyOf(write));
    if (!other || BigInt(other.fetchSeq) < BigInt(write.fetchSeq)) newest.set(keyOf(write), write);
  }
  return newest;
}

function toTouchRow({ token, write }: { token: LockedToken; write: MetadataWrite }) {
  return {
    id: token.id,
    fetch_seq: write.fetchSeq,
    metadata_url: write.metadataUrl,
    metadata_source: write.metadataSource,
    etag: write.etag,
    last_modified: write.lastModified,
    refresh_id: write.refreshId,
  };
}

/** One row as JSON text. The document is inserted as text, because parsing it here would round its numbers. */
function toReplaceRow({ token, write }: Change, traitIds: readonly string[]): string {
  const { metadata } = write;
  const columns = JSON.stringify({
    id: token.id,
    name: metadata.name,
    description: metadata.description,
    image_url: metadata.imageUrl,
    image_original: metadata.imageOriginal,
    animation_url: metadata.animationUrl,
    animation_original: metadata.animationOriginal,
    external_url: metadata.externalUrl,
    youtube_url: metadata.youtubeUrl,
    background_color: metadata.backgroundColor,
    decimals: metadata.decimals,
    localization: metadata.localization,
    attributes: metadata.attributes,
    content_hash: metadata.contentHash,
    metadata_url: write.metadataUrl,
    metadata_source: write.metadataSource,
    warnings: metadata.warnings,
    trait_ids: traitIds,
    etag: write.etag,
    last_modified: write.lastModified,
    fetch_seq: write.fetchSeq,
    refresh_id: write.refreshId,
  });
  return `${columns.slice(0, -1)},"raw":${metadata.raw}}`;
}
