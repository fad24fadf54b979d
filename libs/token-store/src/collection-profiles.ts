import { EntityManager } from '@mikro-orm/postgresql';
import { inTransaction, readingFrom } from '@app/database';
import { Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import { Collections } from './collections.js';

/** The metadata of a collection itself, as its owner sent it. It does not affect where the metadata of its tokens comes from. */
export interface CollectionProfile {
  name: string | null;
  symbol: string | null;
  description: string | null;
  image: string | null;
  externalLink: string | null;
  contractUri: string | null;
  baseUri: string | null;
}

/** The document of a collection (ERC-7572), normalised. */
export interface ProfileDocument {
  name: string | null;
  symbol: string | null;
  description: string | null;
  image: string | null;
  bannerImage: string | null;
  featuredImage: string | null;
  externalLink: string | null;
  /** Addresses, lower case. */
  collaborators: readonly string[];
  /** The document as JSON text. */
  raw: string;
  warnings: readonly string[];
}

/** What the functions of a contract return about itself. null: it has no such function, or it returns nothing usable. */
export interface ContractProfile {
  /** As it declares by ERC-165. */
  standard: 'erc721' | 'erc1155' | null;
  /** Lower case. */
  owner: string | null;
  name: string | null;
  symbol: string | null;
  contractUri: string | null;
  /** null: there is none, or it could not be fetched. */
  document: ProfileDocument | null;
}

/** The record of a collection that is stored. */
export interface StoredProfile extends CollectionProfile {
  collectionId: string;
  bannerImage: string | null;
  featuredImage: string | null;
  collaborators: readonly string[];
  standard: ContractProfile['standard'];
  owner: string | null;
  /** Who said it: its owner through the API, or its contract. */
  source: 'pushed' | 'contract';
  warnings: readonly string[];
  /** When a value changed last. */
  updatedAt: Date;
  /** When it was written last. */
  syncedAt: Date;
}

/** A field of a collection's record. */
type ProfileField = Exclude<keyof StoredProfile, 'collectionId' | 'source' | 'warnings' | 'updatedAt' | 'syncedAt'>;

/** A record of a collection that has changed. */
export interface ProfileChange {
  collectionId: string;
  source: StoredProfile['source'];
  /** Empty when only other parts of its document changed. */
  changedFields: readonly ProfileField[];
}

type Values = Omit<StoredProfile, 'collectionId' | 'updatedAt' | 'syncedAt'> & {
  /** JSON text; null: no document. */
  raw: string | null;
};
type ProfileRow = Omit<StoredProfile, 'updatedAt' | 'syncedAt'> & Record<'updatedAt' | 'syncedAt', Date | string>;

const FIELDS = [
  'name',
  'symbol',
  'description',
  'image',
  'bannerImage',
  'featuredImage',
  'externalLink',
  'collaborators',
  'contractUri',
  'baseUri',
  'standard',
  'owner',
] as const satisfies readonly ProfileField[];

const EMPTY: Values = {
  name: null,
  symbol: null,
  description: null,
  image: null,
  bannerImage: null,
  featuredImage: null,
  externalLink: null,
  collaborators: [],
  contractUri: null,
  baseUri: null,
  standard: null,
  owner: null,
  source: 'contract',
  warnings: [],
  raw: null,
};

const COLUMNS = sql`collection_id as "collectionId", name, symbol, description, image, banner_image as "bannerImage",
  featured_image as "featuredImage", external_link as "externalLink", collaborators, contract_uri as "contractUri",
  base_uri as "baseUri", standard, owner, source, warnings, updated_at as "updatedAt", synced_at as "syncedAt"`;

/** The records of collections: what their owners push, and what their contracts say. */
@Injectable()
export class CollectionProfiles {
  constructor(
    private readonly em: EntityManager,
    private readonly collections: Collections,
  ) {}

  /** In no particular order; a collection without a record is left out. */
  async find(collectionIds: readonly string[]): Promise<StoredProfile[]> {
    const { rows } = await sql<ProfileRow>`
      select ${COLUMNS} from nft_metadata.collection_profiles
      where collection_id = any(${collectionIds}::uuid[])`.execute(readingFrom(this.em).getKysely());
    return rows.map(toProfile);
  }

  /** With its document as JSON text, if it was made from one. null: there is no record. */
  async findWithDocument(collectionId: string): Promise<{ profile: StoredProfile; raw: string | null } | null> {
    const { rows } = await sql<ProfileRow & { raw: string | null }>`
      select ${COLUMNS}, raw::text as raw from nft_metadata.collection_profiles
      where collection_id = ${collectionId}::uuid`.execute(this.em.fork().getKysely());
    const [row] = rows;
    if (!row) return null;
    const { raw, ...profile } = row;
    return { profile: toProfile(profile), raw };
  }

  /**
   * Replaces the metadata of a collection itself, as its owner sent it. `finish`: the end of the transaction, with what has changed, null: nothing; what it
   * throws undoes the write. Throws UnknownCollection.
   */
  async push(
    collectionId: string,
    profile: CollectionProfile,
    finish?: (em: EntityManager, change: ProfileChange | null) => Promise<void>,
  ): Promise<void> {
    await this.change(
      collectionId,
      ({ standard, owner }) => ({ ...EMPTY, ...profile, standard, owner, source: 'pushed' }),
      finish,
    );
  }

  /**
   * Saves what a contract returned about itself. Other fields do not change, and a document is only replaced by another one.
   * `keepsPushed`: what its owner has pushed stays. `finish`: as in `push`. Throws UnknownCollection.
   */
  async writeContract(
    collectionId: string,
    { contract, keepsPushed }: { contract: ContractProfile; keepsPushed: boolean },
    finish?: (em: EntityManager, change: ProfileChange | null) => Promise<void>,
  ): Promise<void> {
    await this.change(
      collectionId,
      (before) => {
        const { standard, owner } = contract;
        if (keepsPushed && before.source === 'pushed') return { ...before, standard, owner };
        return { ...before, ...saidBy(contract, before), standard, owner, source: 'contract' };
      },
      finish,
    );
  }

  private async change(
    collectionId: string,
    next: (before: Values) => Values,
    finish: (em: EntityManager, change: ProfileChange | null) => Promise<void> = () => Promise.resolve(),
  ): Promise<void> {
    await inTransaction(this.em, async (em) => {
      await this.collections.hold(em, [collectionId]);
      const kysely = em.getKysely();
      // One writer after the other, also of the first record.
      await sql`select pg_advisory_xact_lock(hashtextextended(${`nft_metadata.collection_profiles ${collectionId}`}, 0))`.execute(
        kysely,
      );
      const { rows } = await sql<ProfileRow & { raw: string | null }>`
        select ${COLUMNS}, raw::text as raw from nft_metadata.collection_profiles
        where collection_id = ${collectionId}::uuid`.execute(kysely);
      const [row] = rows;
      const before = row ?? EMPTY;
      const values = next(before);
      const changedFields = FIELDS.filter((field) => !isSame(before[field], values[field]));
      const isChanged = changedFields.length > 0 || before.raw !== values.raw;
      await sql`
        insert into nft_metadata.collection_profiles as known
          (collection_id, name, symbol, description, image, banner_image, featured_image, external_link, collaborators, contract_uri,
            base_uri, standard, owner, source, warnings, raw, updated_at, synced_at)
        values (${collectionId}::uuid, ${values.name}, ${values.symbol}, ${values.description}, ${values.image},
          ${values.bannerImage}, ${values.featuredImage}, ${values.externalLink}, ${values.collaborators}::text[],
          ${values.contractUri}, ${values.baseUri}, ${values.standard}, ${values.owner}, ${values.source},
          ${values.warnings}::text[], ${values.raw}::json, now(), now())
        on conflict (collection_id) do update
        set name = excluded.name, symbol = excluded.symbol, description = excluded.description, image = excluded.image,
          banner_image = excluded.banner_image, featured_image = excluded.featured_image, external_link = excluded.external_link,
          collaborators = excluded.collaborators, contract_uri = excluded.contract_uri, base_uri = excluded.base_uri,
          standard = excluded.standard, owner = excluded.owner, source = excluded.source, warnings = excluded.warnings,
          raw = excluded.raw, synced_at = now(),
          updated_at = case when ${isChanged}::boolean then now() else known.updated_at end`.execute(kysely);
      await finish(em, isChanged ? { collectionId, source: values.source, changedFields } : null);
    });
  }
}

/** A document says all of it; without one, the contract's own name and symbol fill gaps. */
function saidBy(
  { name, symbol, contractUri, document }: ContractProfile,
  before: Values,
): Pick<Values, 'name' | 'symbol' | 'contractUri'> & Partial<Values> {
  const uri = { contractUri: contractUri ?? before.contractUri };
  if (!document) {
    const isOfContract = before.raw === null && before.source === 'contract';
    return {
      ...uri,
      name: (isOfContract ? name : before.name) ?? before.name ?? name,
      symbol: (isOfContract ? symbol : before.symbol) ?? before.symbol ?? symbol,
    };
  }
  return {
    ...document,
    ...uri,
    name: document.name ?? name ?? before.name,
    symbol: document.symbol ?? symbol ?? before.symbol,
  };
}

function isSame(one: Values[ProfileField], other: Values[ProfileField]): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

function toProfile(row: ProfileRow): StoredProfile {
  return { ...row, updatedAt: new Date(row.updatedAt), syncedAt: new Date(row.syncedAt) };
}
