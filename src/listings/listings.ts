import { EntityManager } from '@mikro-orm/postgresql';
import { TokenStore, type TokenRecord, type TokenReference } from '@app/token-store';
import { Injectable } from '@nestjs/common';
import { sql, type RawBuilder } from 'kysely';

export interface NewListing extends TokenReference {
  seller: string;
  /** In wei, decimal digits. */
  price: string;
  currency: string;
}

export interface Listing {
  id: string;
  seller: string;
  price: string;
  currency: string;
  createdAt: Date;
  /** As its metadata is now; null when the token is no longer registered. */
  token: TokenRecord | null;
}

export interface ListingQuery {
  limit: number;
  /** The id of the last listing that was read. */
  after?: string | undefined;
  collectionAddress?: string | undefined;
  /** For each trait type any of the values. */
  traits: Readonly<Record<string, readonly string[]>>;
  nameContains?: string | undefined;
}

type ListingRow = TokenReference & Omit<Listing, 'token' | 'createdAt'> & { createdAt: Date | string };

/** Listings that one statement removes. */
const REMOVE_BATCH_SIZE = 5000;

/** Tokens for sale. Shows token records as they are; knows nothing of refreshes. */
@Injectable()
export class Listings {
  constructor(
    private readonly em: EntityManager,
    private readonly tokens: TokenStore,
  ) {}

  async putUp(listings: readonly NewListing[]): Promise<void> {
    await sql`
      insert into marketplace.listings (collection_id, token_id, seller, price, currency)
      select * from unnest(
        ${listings.map(({ collectionId }) => collectionId)}::uuid[],
        ${listings.map(({ tokenId }) => tokenId)}::numeric[],
        ${listings.map(({ seller }) => seller.toLowerCase())}::text[],
        ${listings.map(({ price }) => price)}::numeric[],
        ${listings.map(({ currency }) => currency)}::text[]
      )`.execute(this.em.fork().getKysely());
  }

  /** Those of a collection that is removed, in short statements. */
  async removeOf(collectionId: string): Promise<void> {
    for (let removed = -1n; removed !== 0n;) {
      ({ numAffectedRows: removed = 0n } = await sql`
        delete from marketplace.listings where id = any(array(
          select id from marketplace.listings where collection_id = ${collectionId}::uuid limit ${REMOVE_BATCH_SIZE}
        ))`.execute(this.em.fork().getKysely()));
    }
  }

  /** Newest first. One statement finds the page, a second one reads its token records. */
  async list(query: ListingQuery): Promise<{ listings: Listing[]; hasMore: boolean }> {
    const { rows } = await sql<ListingRow>`
      select listing.id::text as id, listing.collection_id as "collectionId", listing.token_id::text as "tokenId",
        listing.seller, listing.price::text as price, listing.currency, listing.created_at as "createdAt"
      from marketplace.listings as listing
      join nft_metadata.tokens as token
        on token.collection_id = listing.collection_id and token.token_id = listing.token_id
      join nft_metadata.collections as collection on collection.id = listing.collection_id
      where ${sql.join([sql`true`, ...conditions(query)], sql` and `)}
      order by listing.id desc
      limit ${query.limit + 1}`.execute(this.em.fork().getKysely());

    const page = rows.slice(0, query.limit);
    const records = new Map((await this.tokens.findTokens(page)).map((record) => [keyOf(record), record]));
    return {
      hasMore: rows.length > query.limit,
      listings: page.map(({ collectionId, tokenId, createdAt, ...listing }) => ({
        ...listing,
        createdAt: new Date(createdAt),
        token: records.get(keyOf({ collectionId, tokenId })) ?? null,
      })),
    };
  }
}

function conditions({ after, collectionAddress, traits, nameContains }: ListingQuery): RawBuilder<unknown>[] {
  return [
    ...(after ? [sql`listing.id < ${after}::bigint`] : []),
    ...(collectionAddress ? [sql`collection.address = ${collectionAddress.toLowerCase()}`] : []),
    ...(nameContains ? [sql`position(lower(${nameContains}) in lower(token.name)) > 0`] : []),
    ...Object.entries(traits).map(
      ([traitType, values]) => sql`exists (
        select from nft_metadata.collection_traits as trait
        where trait.collection_id = listing.collection_id and trait.trait_type = ${traitType}
          and trait.value = any(${values}::text[]) and token.trait_ids @> array[trait.id]
      )`,
    ),
  ];
}

function keyOf({ collectionId, tokenId }: TokenReference): string {
  return `${collectionId}/${tokenId}`;
}
