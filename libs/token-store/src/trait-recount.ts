import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import { lockCollection } from './collection-lock.js';
import { SearchIndex } from './search/search-index.js';
import { inTransaction } from '@app/database';

/** What a recount has counted and corrected. */
export interface Recount {
  collections: number;
  /** Trait values that were counted. */
  traits: number;
  /** Trait values whose count was wrong and has been corrected. */
  corrected: number;
  /** Tokens whose search row differed from the record and has been written again. */
  searchRowsRepaired: number;
}

/**
 * Compares what every write keeps up to date with the token records: the search rows, and the counts of tokens and of their
 * traits. Corrects what differs; nothing should.
 */
@Injectable()
export class TraitRecount {
  constructor(
    private readonly em: EntityManager,
    private readonly search: SearchIndex,
  ) {}

  /**
   * Safe while workers write: the trait rows of a collection are locked first, so a write is either in the token records
   * that are counted, or updates the counts afterwards. One transaction for each collection.
   */
  async recount(collectionId?: string): Promise<Recount> {
    const collections = collectionId ? [collectionId] : await this.collectionsWithTokens();
    const recount = { collections: collections.length, traits: 0, corrected: 0, searchRowsRepaired: 0 };
    for (const id of collections) {
      // First, because the traits of the search rows are counted.
      recount.searchRowsRepaired += await this.search.repair(this.em, id);
      const { traits, corrected } = await this.recountOne(id);
      recount.traits += traits;
      recount.corrected += corrected;
    }
    return recount;
  }

  private recountOne(collectionId: string): Promise<Pick<Recount, 'traits' | 'corrected'>> {
    return inTransaction(this.em, async (em) => {
      await lockCollection(em, collectionId);
      await sql`
        with counted as (
          select count(*) as tokens from nft_metadata.tokens where collection_id = ${collectionId}::uuid
        )
        update nft_metadata.collections set token_count = counted.tokens
        from counted where id = ${collectionId}::uuid and token_count <> counted.tokens`.execute(em.getKysely());
      const locked = await sql`
        select id from nft_metadata.collection_traits
        where collection_id = ${collectionId}::uuid order by id for no key update`.execute(em.getKysely());
      const corrected = await sql`
        -- One group for each trait, in place of a join: with statistics from before, a join would go through all counts for each trait.
        with drifted as (
          select id, sum(tokens)::int as tokens
          from (
            select trait_id as id, 1 as tokens, null::int as token_count
            from nft_metadata.token_search as search, unnest(search.trait_ids) as trait_id
            where search.collection_id = ${collectionId}::uuid
            union all
            select id, 0, token_count from nft_metadata.collection_traits where collection_id = ${collectionId}::uuid
          ) as one
          group by id
          having sum(tokens) <> max(token_count)
        )
        update nft_metadata.collection_traits as trait set token_count = drifted.tokens
        from drifted where trait.id = drifted.id
        returning trait.id`.execute(em.getKysely());
      return { traits: locked.rows.length, corrected: corrected.rows.length };
    });
  }

  private async collectionsWithTokens(): Promise<string[]> {
    const { rows } = await sql<{ id: string }>`
      select id from nft_metadata.collections as collection
      where token_count > 0 or exists (select from nft_metadata.tokens where collection_id = collection.id)
      order by id`.execute(this.em.fork().getKysely());
    return rows.map(({ id }) => id);
  }
}
