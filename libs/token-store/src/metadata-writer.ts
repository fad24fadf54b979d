import { bigintArray, booleanArray, textArray, uuidArray } from '@app/database';
import type { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import { arrayText } from './array-text.js';
import { toChange } from './record-difference.js';
import { nameKey } from './search/name-key.js';
import { SearchIndex, type SearchedToken } from './search/search-index.js';
import { KnownToken, lockStoredTokens } from './stored-tokens.js';
import { writeDocuments } from './token-documents.js';
import type { MetadataWrite, TokenMetadata } from './token-metadata.js';
import type { WriteOptions, WriteResult } from './token-store.js';
import { TraitIndex, type TraitChange } from './trait-index.js';

/** A fetch that is to be stored, and the record as it is before. */
interface Fetch {
  write: MetadataWrite;
  token: KnownToken;
  /** The new content; null: it is the content of the record. */
  changed: TokenMetadata | null;
}

type Change = Fetch & { changed: TokenMetadata };

/**
 * Writes a batch of successful fetches, all of it in the caller's transaction.
 *
 * Optimistic: what was known of the tokens when they were claimed tells which fetches changed something, and the records are
 * updated without being read, where their fetch number is still the known one. The others, and tokens of which nothing is
 * known, are locked and read first. Then the documents, the search rows and the trait counts of those that changed are
 * written, so that a reader never sees one without the others.
 */
@Injectable()
export class MetadataWriter {
  /** Changes of traits that are to be counted late, by the function that has received the work. */
  private readonly deferred = new WeakMap<NonNullable<WriteOptions['defer']>, TraitChange[]>();

  constructor(
    private readonly traits: TraitIndex,
    private readonly search: SearchIndex,
  ) {}

  /** Looks up the traits of documents that differ from what is known. Outside of a transaction. */
  async prepare(writes: readonly MetadataWrite[]): Promise<void> {
    const tokens = writes.flatMap(({ collectionId, metadata, known }) =>
      metadata !== null && known instanceof KnownToken && known.contentHash !== metadata.contentHash
        ? [{ collectionId, attributes: metadata.attributes }]
        : [],
    );
    if (tokens.length > 0) await this.traits.prepare(tokens);
  }

  async write(em: EntityManager, writes: readonly MetadataWrite[], options: WriteOptions = {}): Promise<WriteResult[]> {
    if (writes.length === 0) return [];
    const { onVersion, defer } = options;
    const newest = newestWrites(writes);
    const results = new Map<MetadataWrite, WriteResult>();
    const versions = new Map<MetadataWrite, number>();
    const changes: Change[] = [];
    const settle = (fetches: readonly Fetch[]) => {
      for (const fetch of fetches) {
        results.set(fetch.write, fetch.changed ? 'changed' : 'unchanged');
        versions.set(fetch.write, fetch.token.version + Number(isChange(fetch)));
        if (isChange(fetch)) changes.push(fetch);
      }
    };

    settle(await this.writeKnown(em, newest, options));
    const unsettled = newest.filter((write) => !results.has(write));
    if (unsettled.length > 0) {
      const stored = new Map((await lockStoredTokens(em, unsettled)).map((token) => [keyOf(token), token.known]));
      const fetches = unsettled.flatMap((write) => {
        const token = stored.get(keyOf(write));
        const fetch = token ? compare(write, token, options) : 'missing';
        if (typeof fetch !== 'string') return [fetch];
        results.set(write, fetch);
        if (token) versions.set(write, token.version);
        return [];
      });
      const ids = fetches.map(({ token }) => token.id);
      settle(await writeTokens(em, fetches, ids, options));
    }

    const traitChanges = await this.writeContent(em, changes, options);
    if (traitChanges.length > 0) {
      if (defer) this.countLate(em, traitChanges, defer);
      else await this.traits.count(em, traitChanges);
    }
    if (newest.length < writes.length) {
      const byToken = new Map(newest.map((write) => [keyOf(write), write]));
      for (const write of writes) {
        if (results.has(write)) continue;
        const later = byToken.get(keyOf(write))!;
        results.set(write, results.get(later) === 'missing' ? 'missing' : 'superseded');
        if (versions.has(later)) versions.set(write, versions.get(later)!);
      }
    }
    if (onVersion) for (const [write, version] of versions) onVersion(write, version);
    return writes.map((write) => results.get(write)!);
  }

  /** In one statement for all writes of the transaction, which locks the rows of the traits in one order. */
  private countLate(
    em: EntityManager,
    changes: readonly TraitChange[],
    defer: NonNullable<WriteOptions['defer']>,
  ): void {
    const waiting = this.deferred.get(defer);
    if (waiting) return void waiting.push(...changes);
    const all = [...changes];
    this.deferred.set(defer, all);
    defer(() => {
      this.deferred.delete(defer);
      return this.traits.count(em, all);
    });
  }

  /** Returns the fetches that are written. None, if something is unknown: all rows are to be locked in one order. */
  private async writeKnown(
    em: EntityManager,
    writes: readonly MetadataWrite[],
    options: WriteOptions,
  ): Promise<readonly Fetch[]> {
    const fetches: Fetch[] = [];
    const ids: string[] = [];
    for (const write of writes) {
      if (!(write.known instanceof KnownToken)) return [];
      ids.push(write.known.id);
      const fetch = compare(write, write.known, options);
      // What looks superseded, held or outdated is decided by the record as it is now.
      if (typeof fetch !== 'string') fetches.push(fetch);
    }
    return writeTokens(em, fetches, ids, options);
  }

  /** Documents, versions and search rows. Returns the changes of traits, which are to be counted. */
  private async writeContent(
    em: EntityManager,
    changes: readonly Change[],
    { onChange, keepReplaced = true }: WriteOptions,
  ): Promise<TraitChange[]> {
    if (changes.length === 0) return [];
    const traitIds = await this.traits.idsOf(
      em,
      changes.map(({ write: { collectionId }, changed: { attributes } }) => ({ collectionId, attributes })),
    );
    const replaced = await writeDocuments(
      em,
      changes.map(({ write, token, changed: metadata }, index) => {
        const { collectionId, tokenId, refreshId, trigger, metadataSource } = write;
        const version = token.version + 1;
        return {
          id: token.id,
          collectionId,
          tokenId,
          version,
          metadata,
          traitIds: traitIds[index]!,
          refreshId,
          trigger,
          isPushed: metadataSource === 'pushed',
        };
      }),
      { withAttributes: onChange !== undefined, keepReplaced },
    );
    const searched: SearchedToken[] = [];
    const traitChanges: TraitChange[] = [];
    for (const [index, { write, token, changed }] of changes.entries()) {
      const before = replaced.get(token.id)!;
      const { collectionId, tokenId } = write;
      const after = traitIds[index]!;
      const hasOtherTraits = before.traitIds !== `{${after.join(',')}}`;
      if (hasOtherTraits) traitChanges.push({ collectionId, before: toIds(before.traitIds), after });
      if (hasOtherTraits || before.nameKey !== nameKey(changed.name)) {
        searched.push({ id: token.id, collectionId, tokenId, name: changed.name, traitIds: after });
      }
      onChange?.(toChange(write, before, changed));
    }
    await this.search.write(em, searched);
    return traitChanges;
  }
}

function isChange(fetch: Fetch): fetch is Change {
  return fetch.changed !== null;
}

/** What a write does to a record that is as given. */
function compare(
  write: MetadataWrite,
  token: KnownToken,
  { withoutFetch = false }: WriteOptions,
): Fetch | 'superseded' | 'held' | 'outdated' {
  if (BigInt(write.fetchSeq) < BigInt(token.fetchSeq)) return 'superseded';
  if (token.keptAs && write.metadataSource !== 'pushed' && !withoutFetch) return token.keptAs;
  if (write.metadata === null) {
    return isSameVersion(token, write) ? { write, token, changed: null } : 'outdated';
  }
  return { write, token, changed: write.metadata.contentHash === token.contentHash ? null : write.metadata };
}

/**
 * Updates the rows of `tokens` whose fetch number is the known one, and returns their fetches. An unchanged document moves
 * only columns without an index, which makes this a HOT update. The rows of all `ids` are locked first, in key order, so
 * that writers cannot deadlock: also those that do not match and are read next.
 */
async function writeTokens(
  em: EntityManager,
  fetches: readonly Fetch[],
  ids: readonly string[],
  { withoutFetch = false }: WriteOptions,
): Promise<readonly Fetch[]> {
  if (fetches.length === 0) return [];
  const warnings = fetches.map(({ changed }) => (changed?.warnings.length ? arrayText(changed.warnings) : null));
  const { rows } = await sql<{ ids: string[] | null }>`
    with locked as materialized (
      select id from nft_metadata.tokens where id = any(${bigintArray(ids)}::bigint[])
      order by collection_id, token_id
      for no key update
    ), written as (
    update nft_metadata.tokens as token
    set fetch_seq = row.fetch_seq, content_hash = coalesce(row.content_hash, token.content_hash),
      metadata_version = token.metadata_version + row.is_changed::int,
      change_seq = case when row.is_changed then row.fetch_seq else token.change_seq end,
      changed_at = case when row.is_changed then now() else token.changed_at end,
      warnings = case when row.is_changed then row.warnings::text[] else token.warnings end,
      -- A refresh that waits for the token fetches it nevertheless.
      last_refresh_id = case when row.metadata_source = 'pushed' then null else row.refresh_id end,
      ${withoutFetch ? WITHOUT_FETCH : FETCHED}
    from unnest(
      ${bigintArray(fetches.map(({ token }) => token.id))}::bigint[],
      ${bigintArray(fetches.map(({ token }) => token.fetchSeq))}::bigint[],
      ${bigintArray(fetches.map(({ write }) => write.fetchSeq))}::bigint[],
      ${booleanArray(fetches.map(({ changed }) => changed !== null))}::boolean[],
      ${textArray(fetches.map(({ changed }) => changed?.contentHash))}::text[],
      ${textArray(warnings)}::text[],
      ${textArray(fetches.map(({ write }) => write.metadataUrl))}::text[],
      ${textArray(fetches.map(({ write }) => write.metadataSource))}::text[],
      ${textArray(fetches.map(({ write }) => write.pushedBy))}::text[],
      ${textArray(fetches.map(({ write }) => write.etag))}::text[],
      ${textArray(fetches.map(({ write }) => write.lastModified))}::text[],
      ${uuidArray(fetches.map(({ write }) => write.refreshId))}::uuid[]
    ) as row (
      id, known_seq, fetch_seq, is_changed, content_hash, warnings, metadata_url, metadata_source, pushed_by, etag, last_modified, refresh_id
    )
    where token.id = row.id and token.id = any(array(select id from locked)) and token.fetch_seq = row.known_seq
    returning token.id
    )
    select case when count(*) < ${fetches.length}::int then coalesce(array_agg(id::text), '{}') end as ids
    from written`.execute(em.getKysely());
  const written = rows[0]!.ids && new Set(rows[0]!.ids);
  return written ? fetches.filter(({ token }) => written.has(token.id)) : fetches;
}

/** What a record says about fetches, after one that succeeded. */
const FETCHED = sql.raw(`
  metadata_url = row.metadata_url, metadata_source = row.metadata_source, pushed_by = row.pushed_by, http_etag = row.etag,
  http_last_modified = row.last_modified, metadata_status = 'ok', stale_since = null, fail_count = 0,
  last_error_code = null, last_error_reason = null, last_attempt_at = now(), last_success_at = now()`);

/** The same after a write without a fetch: the next one gets the document in full. */
const WITHOUT_FETCH = sql.raw(`http_etag = null, http_last_modified = null`);

/** Of the text form of an array of ids. */
function toIds(text: string | null): number[] {
  return text === null || text === '{}' ? [] : text.slice(1, -1).split(',').map(Number);
}

function keyOf({ collectionId, tokenId }: { collectionId: string; tokenId: string }): string {
  return `${collectionId}/${tokenId}`;
}

/** A "not modified" response is about the version whose validators were sent. */
function isSameVersion(token: KnownToken, { etag, lastModified }: MetadataWrite): boolean {
  return token.contentHash !== null && token.etag === (etag ?? null) && token.lastModified === (lastModified ?? null);
}

/** For each token of a batch, the fetch that started last. */
function newestWrites(writes: readonly MetadataWrite[]): MetadataWrite[] {
  const newest = new Map<string, MetadataWrite>();
  for (const write of writes) {
    const other = newest.get(keyOf(write));
    if (!other || BigInt(other.fetchSeq) < BigInt(write.fetchSeq)) newest.set(keyOf(write), write);
  }
  return [...newest.values()];
}
