import { EntityManager } from '@mikro-orm/postgresql';
import { inTransaction } from '@app/database';
import {
  Collections,
  PageSearch,
  TokenStore,
  UNNAMED,
  type PageOrder,
  type TokenFilters,
  type TokenRecord,
  type TokenReference,
} from '@app/token-store';
import { Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import { CollectionOnSeveralChains } from './listings.errors.js';

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
  order: PageOrder;
  /** The position that the page before ended at; null: from the beginning. */
  after: readonly string[] | null;
  collectionAddress?: string | undefined;
  /** For an address that is in use on several chains. */
  chainId?: number | undefined;
  filters: TokenFilters;
}

export interface ListingPage {
  listings: Listing[];
  /** Where the list goes on; null: that was all. With a `next` there can be fewer listings than wanted, also none. */
  next: string[] | null;
  /** The position of the last listing; null: there is none. */
  end: string[] | null;
}

type ListingRow = TokenReference & Omit<Listing, 'token' | 'createdAt'> & { createdAt: Date | string };

/** Listings that one statement removes. */
const REMOVE_BATCH_SIZE = 5000;

/** Tokens for sale. Shows token records as they are; knows nothing of refreshes. */
@Injectable()
export class Listings {
  constructor(
    private readonly em: EntityManager,
    private readonly collections: Collections,
    private readonly tokens: TokenStore,
    private readonly search: PageSearch,
  ) {}

  /** With what their tokens are found by. The records are locked, so that a change is seen here or by the trigger. */
  async putUp(listings: readonly NewListing[]): Promise<void> {
    await inTransaction(this.em, async (em) => {
      await this.tokens.lockTokens(em, listings);
      await sql`
        insert into marketplace.listings
          (collection_id, token_id, seller, price, currency, name_key, trait_ids, name_grams)
        select listing.collection_id, listing.token_id, seller, price, currency,
          coalesce(name_key, ${UNNAMED}), coalesce(trait_ids, '{}'), coalesce(name_grams, '{}')
        from unnest(
          ${listings.map(({ collectionId }) => collectionId)}::uuid[],
          ${listings.map(({ tokenId }) => tokenId)}::numeric[],
          ${listings.map(({ seller }) => seller.toLowerCase())}::text[],
          ${listings.map(({ price }) => price)}::numeric[],
          ${listings.map(({ currency }) => currency)}::text[]
        ) with ordinality as listing (collection_id, token_id, seller, price, currency, place)
        left join nft_metadata.token_search as search
          on search.collection_id = listing.collection_id and search.token_id = listing.token_id
        order by place`.execute(em.getKysely());
    });
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

  /** Throws CollectionOnSeveralChains, InvalidTraitRange. */
  async list({ collectionAddress, chainId, filters, ...page }: ListingQuery): Promise<ListingPage> {
    const collectionId = collectionAddress ? await this.findCollection(collectionAddress, chainId) : null;
    if (collectionId === undefined) return { listings: [], next: null, end: null };

    const found = await this.search.find({ table: 'marketplace.listings', collectionId, filters, ...page });
    const listings = await this.read(found.rows.map(({ id }) => id));
    return { listings, next: found.next, end: found.rows.at(-1)?.position ?? null };
  }

  private async read(ids: readonly string[]): Promise<Listing[]> {
    const { rows } = await sql<ListingRow>`
      select listing.id::text as id, listing.collection_id as "collectionId", listing.token_id::text as "tokenId",
        listing.seller, listing.price::text as price, listing.currency, listing.created_at as "createdAt"
      from unnest(${ids}::bigint[]) with ordinality as found (id, place)
      join marketplace.listings as listing on listing.id = found.id
      order by found.place`.execute(this.em.fork().getKysely());
    const records = new Map((await this.tokens.findTokens(rows)).map((record) => [keyOf(record), record]));
    return rows.map(({ collectionId, tokenId, createdAt, ...listing }) => ({
      ...listing,
      createdAt: new Date(createdAt),
      token: records.get(keyOf({ collectionId, tokenId })) ?? null,
    }));
  }

  /** undefined: there is none. */
  private async findCollection(address: string, chainId: number | undefined): Promise<string | undefined> {
    const registered = await this.collections.findByAddress(address);
    const matching = registered.filter((collection) => chainId === undefined || collection.chainId === chainId);
    if (matching.length > 1) {
      throw new CollectionOnSeveralChains(
        address,
        matching.map((collection) => collection.chainId),
      );
    }
    return matching[0]?.id;
  }
}

function keyOf({ collectionId, tokenId }: TokenReference): string {
  return `${collectionId}/${tokenId}`;
}
