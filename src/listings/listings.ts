import { EntityManager } from '@mikro-orm/postgresql';
import { inSnapshot, inTransaction } from '@app/database';
import {
  Collections,
  TokenSearch,
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
  /** The current record of the token; null when the token is not registered. */
  token: TokenRecord | null;
}

export interface ListingQuery {
  limit: number;
  order: PageOrder;
  /** The position at which the previous page ended; null: from the beginning. */
  after: readonly string[] | null;
  collectionAddress?: string | undefined;
  /** The chain of `collectionAddress`, for an address that is registered on several. */
  chainId?: number | undefined;
  filters: TokenFilters;
}

export interface ListingPage {
  listings: Listing[];
  /** Where the next page begins; null: this was the last page. With a `next` there can be fewer listings than `limit`, even none. */
  next: string[] | null;
  /** The position of the last listing; null when there are no listings. */
  end: string[] | null;
}

type ListingRow = TokenReference & Omit<Listing, 'token' | 'createdAt'> & { createdAt: Date | string };

/** Listings that one statement deletes. */
const DELETE_BATCH_SIZE = 5000;

/** Tokens for sale, with their current records. */
@Injectable()
export class Listings {
  constructor(
    private readonly em: EntityManager,
    private readonly collections: Collections,
    private readonly tokens: TokenStore,
    private readonly search: TokenSearch,
  ) {}

  /**
   * Inserts listings with the search columns of their tokens. The records are locked, so a change of one is seen by this
   * statement or by the trigger. Throws UnknownCollection; then none is inserted.
   */
  async putUp(listings: readonly NewListing[]): Promise<void> {
    await inTransaction(this.em, async (em) => {
      await this.collections.hold(
        em,
        listings.map(({ collectionId }) => collectionId),
      );
      await this.tokens.lockTokens(em, listings);
      await sql`
        insert into marketplace.listings
          (collection_id, token_id, seller, price, currency, name_key, trait_ids, name_ngrams)
        select listing.collection_id, listing.token_id, seller, price, currency,
          coalesce(name_key, ${UNNAMED}), coalesce(trait_ids, '{}'), coalesce(name_ngrams, '{}')
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

  /** Deletes all listings of a collection, in short statements. */
  async deleteByCollection(collectionId: string): Promise<void> {
    for (let removed = -1n; removed !== 0n;) {
      ({ numAffectedRows: removed = 0n } = await sql`
        delete from marketplace.listings where id = any(array(
          select id from marketplace.listings where collection_id = ${collectionId}::uuid limit ${DELETE_BATCH_SIZE}
        ))`.execute(this.em.fork().getKysely()));
    }
  }

  /** Throws CollectionOnSeveralChains, InvalidTraitRange. */
  async list({ collectionAddress, chainId, filters, ...page }: ListingQuery): Promise<ListingPage> {
    const collectionId = collectionAddress ? await this.findCollection(collectionAddress, chainId) : null;
    if (collectionId === undefined) return { listings: [], next: null, end: null };

    const indexCondition = sql`row.id <> 0`;
    const query = { table: 'marketplace.listings', indexCondition, collectionId, filters, ...page };
    // Found and read in one snapshot: they match the filters and are in order, whatever is written meanwhile.
    return inSnapshot(this.em, async (em) => {
      const found = await this.search.find(query, em);
      const listings = await this.read(
        em,
        found.rows.map(({ id }) => id),
      );
      return { listings, next: found.next, end: found.rows.at(-1)?.position ?? null };
    });
  }

  private async read(em: EntityManager, ids: readonly string[]): Promise<Listing[]> {
    const { rows } = await sql<ListingRow>`
      select listing.id::text as id, listing.collection_id as "collectionId", listing.token_id::text as "tokenId",
        listing.seller, listing.price::text as price, listing.currency, listing.created_at as "createdAt"
      from unnest(${ids}::bigint[]) with ordinality as found (id, place)
      join marketplace.listings as listing on listing.id = found.id
      order by found.place`.execute(em.getKysely());
    const records = new Map((await this.tokens.findTokens(rows, em)).map((record) => [keyOf(record), record]));
    return rows.map(({ collectionId, tokenId, createdAt, ...listing }) => ({
      ...listing,
      createdAt: new Date(createdAt),
      token: records.get(keyOf({ collectionId, tokenId })) ?? null,
    }));
  }

  /** undefined when no collection matches. */
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
