import { EntityManager } from '@mikro-orm/postgresql';
import { inTransaction, readingFrom } from '@app/database';
import { Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import { Collections } from './collections.js';

/** What the owner of a collection says of the collection itself. It changes nothing about where its tokens have their metadata. */
export interface CollectionProfile {
  name: string | null;
  symbol: string | null;
  description: string | null;
  image: string | null;
  externalLink: string | null;
  contractUri: string | null;
  baseUri: string | null;
}

/** A profile that is stored. */
export interface StoredProfile extends CollectionProfile {
  collectionId: string;
  /** When a value changed last. */
  updatedAt: Date;
  /** When it was written last. */
  syncedAt: Date;
}

type ProfileRow = Omit<StoredProfile, 'updatedAt' | 'syncedAt'> & Record<'updatedAt' | 'syncedAt', Date | string>;

/** The profiles of collections. */
@Injectable()
export class CollectionProfiles {
  constructor(
    private readonly em: EntityManager,
    private readonly collections: Collections,
  ) {}

  /** In no particular order; a collection without a profile is left out. */
  async find(collectionIds: readonly string[]): Promise<StoredProfile[]> {
    const { rows } = await sql<ProfileRow>`
      select collection_id as "collectionId", name, symbol, description, image, external_link as "externalLink",
        contract_uri as "contractUri", base_uri as "baseUri", updated_at as "updatedAt", synced_at as "syncedAt"
      from nft_metadata.collection_profiles
      where collection_id = any(${collectionIds}::uuid[])`.execute(readingFrom(this.em).getKysely());
    return rows.map((row) => ({ ...row, updatedAt: new Date(row.updatedAt), syncedAt: new Date(row.syncedAt) }));
  }

  /**
   * Replaces the profile of a collection. `admit`: a last condition, inside the transaction; what it throws undoes the write. Throws
   * UnknownCollection.
   */
  async write(
    collectionId: string,
    profile: CollectionProfile,
    admit?: (em: EntityManager) => Promise<void>,
  ): Promise<void> {
    const { name, symbol, description, image, externalLink, contractUri, baseUri } = profile;
    await inTransaction(this.em, async (em) => {
      await this.collections.hold(em, [collectionId]);
      await sql`
        insert into nft_metadata.collection_profiles as known
          (collection_id, name, symbol, description, image, external_link, contract_uri, base_uri, updated_at, synced_at)
        values (${collectionId}::uuid, ${name}, ${symbol}, ${description}, ${image}, ${externalLink}, ${contractUri}, ${baseUri},
          now(), now())
        on conflict (collection_id) do update
        set name = excluded.name, symbol = excluded.symbol, description = excluded.description, image = excluded.image,
          external_link = excluded.external_link, contract_uri = excluded.contract_uri, base_uri = excluded.base_uri,
          synced_at = now(),
          updated_at = case
            when (known.name, known.symbol, known.description, known.image, known.external_link, known.contract_uri,
                known.base_uri)
              is distinct from (excluded.name, excluded.symbol, excluded.description, excluded.image,
                excluded.external_link, excluded.contract_uri, excluded.base_uri)
            then now() else known.updated_at
          end`.execute(em.getKysely());
      await admit?.(em);
    });
  }
}
