import { bigintArray, integerArray, textArray } from '@app/database';
import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import { bounded, MAX_TRAITS, type ChangedTrait } from './metadata-change.js';
import { toChangedFields } from './record-difference.js';
import { VersionStore, type VersionChange, type VersionReference } from './version-store.js';

/** The columns of a change. Traits are ids of `collection_traits`, and not more of them than are read. */
const changeColumns = sql`
  version.version, version.changed_fields as "changedFields",
  version.traits_added[1:${MAX_TRAITS}::int]::text[] as "traitsAdded",
  version.traits_removed[1:${MAX_TRAITS}::int]::text[] as "traitsRemoved",
  greatest(cardinality(version.traits_added), cardinality(version.traits_removed)) <= ${MAX_TRAITS}::int as "hasAllTraits"`;

interface ChangeRow extends VersionReference {
  /** As bits. */
  changedFields: number;
  traitsAdded: string[];
  traitsRemoved: string[];
  hasAllTraits: boolean;
}

/** Versions in `nft_metadata.token_versions`. `MetadataWriter` writes them. */
@Injectable()
export class DatabaseVersionStore extends VersionStore {
  constructor(private readonly em: EntityManager) {
    super();
  }

  override async findChanges(collectionId: string, versions: readonly VersionReference[]): Promise<VersionChange[]> {
    if (versions.length === 0) return [];
    // offset 0: one look-up for each version, whatever the statistics say of the tables.
    const { rows } = await sql<ChangeRow>`
      select token.token_id::text as "tokenId", ${changeColumns}
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
      ) as version`.execute(this.em.fork().getKysely());
    return this.withTraits(rows);
  }

  private async withTraits<Row extends ChangeRow>(
    rows: readonly Row[],
  ): Promise<(Omit<Row, keyof ChangeRow> & VersionChange)[]> {
    const traits = await this.findTraits([
      ...new Set(rows.flatMap((row) => [...row.traitsAdded, ...row.traitsRemoved])),
    ]);
    const find = (ids: readonly string[]) => ids.flatMap((id) => traits.get(id) ?? []);
    return rows.map((row) => {
      const [added, removed] = [find(row.traitsAdded), find(row.traitsRemoved)];
      const [traitsAdded, traitsRemoved] = [bounded(added), bounded(removed)];
      const isCut = traitsAdded.length < added.length || traitsRemoved.length < removed.length;
      return {
        ...row,
        changedFields: toChangedFields(row.changedFields),
        traitsAdded,
        traitsRemoved,
        hasAllTraits: row.hasAllTraits && !isCut,
      };
    });
  }

  private async findTraits(ids: readonly string[]): Promise<Map<string, ChangedTrait>> {
    if (ids.length === 0) return new Map();
    const { rows } = await sql<ChangedTrait & { id: string }>`
      select id::text as id, trait_type as "traitType", value
      from nft_metadata.collection_traits where id = any(${bigintArray(ids)}::bigint[])`.execute(
      this.em.fork().getKysely(),
    );
    return new Map(rows.map(({ id, traitType, value }) => [id, { traitType, value }]));
  }
}
