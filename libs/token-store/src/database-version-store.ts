import { bigintArray, integerArray, readingFrom, textArray } from '@app/database';
import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import { bounded, MAX_TRAITS, type ChangedTrait } from './metadata-change.js';
import { toChangedFields } from './record-difference.js';
import { isReferenced } from './stored-tokens.js';
import type { HoldEnd, TokenReference } from './token-record.js';
import { VersionRetention } from './version-retention.js';
import {
  VersionStore,
  type DeletedVersions,
  type EndedHold,
  type TokenVersion,
  type VersionChange,
  type VersionDocument,
  type VersionLimits,
  type VersionPair,
  type VersionQuery,
  type VersionReference,
} from './version-store.js';

/** What changed, as it is stored. */
interface ChangeRow {
  /** As bits. */
  changedFields: number;
  /** Ids of `collection_traits`, not more of them than are read. */
  traitsAdded: string[];
  traitsRemoved: string[];
  hasAllTraits: boolean;
}

type Change = Omit<VersionChange, keyof VersionReference>;
type VersionRow = Omit<TokenVersion, keyof Change | 'createdAt'> & ChangeRow & { createdAt: Date | string };

/** For a statement on `token_versions as version`. */
const changeColumns = sql`
  version.changed_fields as "changedFields",
  version.traits_added[1:${MAX_TRAITS}::int]::text[] as "traitsAdded",
  version.traits_removed[1:${MAX_TRAITS}::int]::text[] as "traitsRemoved",
  greatest(cardinality(version.traits_added), cardinality(version.traits_removed)) <= ${MAX_TRAITS}::int as "hasAllTraits"`;

/** For a statement on `tokens as token` and `token_versions as version`. The next version has the document of this one. */
const versionColumns = sql`
  token.token_id::text as "tokenId", version.version, version.created_at as "createdAt", version.refresh_id as "refreshId",
  version.trigger, version.content_hash as "contentHash", ${changeColumns},
  version.version = token.metadata_version or exists (
    select from nft_metadata.token_versions as next
    where next.id = version.id and next.version = version.version + 1 and next.replaced_raw is not null
  ) as "hasDocument"`;

/** Versions in `nft_metadata.token_versions`, and holds in `nft_metadata.tokens`. `MetadataWriter` writes them. */
@Injectable()
export class DatabaseVersionStore extends VersionStore {
  constructor(
    private readonly em: EntityManager,
    private readonly retention: VersionRetention,
  ) {
    super();
  }

  override async findChanges(collectionId: string, versions: readonly VersionReference[]): Promise<VersionChange[]> {
    if (versions.length === 0) return [];
    // offset 0: one look-up for each version, whatever the statistics say of the tables.
    const { rows } = await sql<ChangeRow & VersionReference>`
      select token.token_id::text as "tokenId", version.version, ${changeColumns}
      from unnest(
        ${textArray(versions.map(({ tokenId }) => tokenId))}::text[]::numeric[],
        ${integerArray(versions.map(({ version }) => version))}::int[]
      ) as wanted (token_id, version)
      cross join lateral (
        select id, token_id from nft_metadata.tokens
        where collection_id = ${collectionId}::uuid and token_id = wanted.token_id offset 0
      ) as token
      cross join lateral (
        select * from nft_metadata.token_versions where id = token.id and version = wanted.version offset 0
      ) as version`.execute(readingFrom(this.em).getKysely());
    return this.withTraits(rows);
  }

  override async listVersions({ collectionId, tokenId, limit, before }: VersionQuery): Promise<TokenVersion[]> {
    const { rows } = await sql<VersionRow>`
      select ${versionColumns}
      from nft_metadata.tokens as token
      join nft_metadata.token_versions as version on version.id = token.id
      where token.collection_id = ${collectionId}::uuid and token.token_id = ${tokenId}::numeric
        ${before === undefined ? sql`` : sql`and version.version < ${before}::int`}
      order by version.version desc
      limit ${Math.min(Math.max(limit, 1), 1000)}`.execute(readingFrom(this.em).getKysely());
    return (await this.withTraits(rows)).map(toVersion);
  }

  override async findVersion(
    { collectionId, tokenId }: TokenReference,
    version: number,
  ): Promise<VersionDocument | null> {
    const { rows } = await sql<VersionRow & Pick<VersionDocument, 'document' | 'warnings' | 'isPushed'>>`
      select ${versionColumns}, coalesce(version.warnings, '{}') as warnings,
        coalesce(version.is_pushed, false) as "isPushed",
        case when version.version = token.metadata_version
          then (select raw from nft_metadata.token_documents where id = token.id)
          else (
            select replaced_raw from nft_metadata.token_versions as next
            where next.id = version.id and next.version = version.version + 1
          )
        end::text as document
      from nft_metadata.tokens as token
      join nft_metadata.token_versions as version on version.id = token.id and version.version = ${version}::int
      where token.collection_id = ${collectionId}::uuid and token.token_id = ${tokenId}::numeric`.execute(
      readingFrom(this.em).getKysely(),
    );
    const [found] = await this.withTraits(rows);
    if (!found) return null;
    const { document, warnings, isPushed, ...row } = found;
    return { version: toVersion(row), document, warnings, isPushed };
  }

  override async findChangesBetween({ collectionId, tokenId, from, to }: VersionPair): Promise<Change> {
    const { rows } = await sql<ChangeRow>`
      with changed as materialized (
        select version.changed_fields, version.traits_added, version.traits_removed
        from nft_metadata.tokens as token
        join nft_metadata.token_versions as version on version.id = token.id
        where token.collection_id = ${collectionId}::uuid and token.token_id = ${tokenId}::numeric
          and version.version > ${Math.min(from, to)}::int and version.version <= ${Math.max(from, to)}::int
      ), trait as (
        select id, sum(amount) as amount
        from (
          select unnest(traits_added) as id, 1 as amount from changed
          union all
          select unnest(traits_removed), -1 from changed
        ) as moved
        group by id
      )
      select coalesce((select bit_or(changed_fields) from changed), 0) as "changedFields",
        coalesce(array_agg(id::text order by id) filter (where amount > 0), '{}') as "traitsAdded",
        coalesce(array_agg(id::text order by id) filter (where amount < 0), '{}') as "traitsRemoved",
        true as "hasAllTraits"
      from trait`.execute(readingFrom(this.em).getKysely());
    const [change] = await this.withTraits(rows);
    const { traitsAdded, traitsRemoved } = change!;
    return from <= to ? change! : { ...change!, traitsAdded: traitsRemoved, traitsRemoved: traitsAdded };
  }

  override async hold(em: EntityManager, references: readonly TokenReference[], until: HoldEnd): Promise<boolean> {
    const end = sql`${until === 'forever' ? 'infinity' : until.toISOString()}::timestamptz`;
    const { rows } = await sql<{ isFuture: boolean }>`
      with held as (
        update nft_metadata.tokens as token set held_until = ${end}
        where ${isReferenced(references)} and ${end} > now()
      )
      select ${end} > now() as "isFuture"`.execute(em.getKysely());
    return rows[0]!.isFuture;
  }

  override async endHolds(em: EntityManager, references: readonly TokenReference[]): Promise<number> {
    const { numAffectedRows = 0n } = await sql`
      update nft_metadata.tokens as token set held_until = now()
      where ${isReferenced(references)} and token.held_until > now()`.execute(em.getKysely());
    return Number(numAffectedRows);
  }

  override async dropHolds(em: EntityManager, references: readonly TokenReference[]): Promise<void> {
    await sql`
      update nft_metadata.tokens as token set held_until = null, refresh_after_hold = false
      where ${isReferenced(references)} and token.held_until is not null`.execute(em.getKysely());
  }

  override async requestAfterHold(em: EntityManager, references: readonly TokenReference[]): Promise<TokenReference[]> {
    const { rows } = await sql<TokenReference>`
      with held as materialized (
        select token.id, token.collection_id, token.token_id, token.refresh_after_hold
        from nft_metadata.tokens as token
        where ${isReferenced(references)} and token.held_until is not null
        order by token.collection_id, token.token_id
        for no key update of token
      ), requested as (
        update nft_metadata.tokens set refresh_after_hold = true
        where id = any(array(select id from held where not refresh_after_hold))
      )
      select collection_id as "collectionId", token_id::text as "tokenId" from held`.execute(em.getKysely());
    return rows;
  }

  override async findEndedHolds(): Promise<string[]> {
    const { rows } = await sql<{ id: string }>`
      select distinct collection_id as id from (
        select collection_id from nft_metadata.tokens where held_until <= now() order by held_until limit 10000
      ) as ended limit 100`.execute(this.em.fork().getKysely());
    return rows.map(({ id }) => id);
  }

  override async takeEndedHolds(
    em: EntityManager,
    collectionIds: readonly string[],
    limit: number,
  ): Promise<EndedHold[]> {
    const { rows } = await sql<EndedHold>`
      with ended as materialized (
        select id, collection_id, token_id, refresh_after_hold from nft_metadata.tokens
        -- "is true": the index of the collections is not for this. With it, all ended holds are read for each batch.
        where held_until <= now() and (collection_id = any(${collectionIds}::uuid[])) is true
        order by held_until
        limit ${limit}
        for no key update skip locked
      ), freed as (
        update nft_metadata.tokens set held_until = null, refresh_after_hold = false
        where id = any(array(select id from ended))
      )
      select collection_id as "collectionId", token_id::text as "tokenId", refresh_after_hold as "isRefreshWanted"
      from ended`.execute(em.getKysely());
    return rows;
  }

  override deleteExpired(limits: VersionLimits): Promise<DeletedVersions> {
    return this.retention.deleteExpired(limits);
  }

  private async withTraits<Row extends ChangeRow>(rows: readonly Row[]): Promise<(Omit<Row, keyof Change> & Change)[]> {
    const ids = rows.flatMap((row) => [...row.traitsAdded, ...row.traitsRemoved]);
    const traits = await this.findTraits([...new Set(ids)]);
    const find = (of: readonly string[]) => of.flatMap((id) => traits.get(id) ?? []);
    return rows.map((row) => {
      const [added, removed] = [find(row.traitsAdded), find(row.traitsRemoved)];
      const [traitsAdded, traitsRemoved] = [bounded(added), bounded(removed)];
      const isCut = traitsAdded.length < added.length || traitsRemoved.length < removed.length;
      const changedFields = toChangedFields(row.changedFields);
      return { ...row, changedFields, traitsAdded, traitsRemoved, hasAllTraits: row.hasAllTraits && !isCut };
    });
  }

  private async findTraits(ids: readonly string[]): Promise<Map<string, ChangedTrait>> {
    if (ids.length === 0) return new Map();
    const { rows } = await sql<ChangedTrait & { id: string }>`
      select id::text as id, trait_type as "traitType", value
      from nft_metadata.collection_traits where id = any(${bigintArray(ids)}::bigint[])`.execute(
      readingFrom(this.em).getKysely(),
    );
    return new Map(rows.map(({ id, traitType, value }) => [id, { traitType, value }]));
  }
}

function toVersion(row: Omit<TokenVersion, 'createdAt'> & { createdAt: Date | string }): TokenVersion {
  return { ...row, createdAt: new Date(row.createdAt) };
}
