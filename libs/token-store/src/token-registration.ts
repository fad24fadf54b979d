import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import { lockCollection } from './collection-lock.js';
import { CollectionFull, UnknownCollection } from './token-store.errors.js';
import { inTransaction, readingFrom } from '@app/database';

/** Adds rows to `nft_metadata.tokens`, and reads how many there are. A trigger keeps `collections.token_count`. */
@Injectable()
export class TokenRegistration {
  constructor(private readonly em: EntityManager) {}

  /**
   * Returns how many are new. Registrations for one collection run one after the other, so a limit on the tokens that it
   * may hold is exact. Throws UnknownCollection, and CollectionFull beyond the limit; then none is registered.
   */
  async register(
    collectionId: string,
    tokenIds: readonly string[],
    maxCollectionTokens: number = Infinity,
  ): Promise<number> {
    return inTransaction(this.em, async (em) => {
      const collection = await lockCollection(em, collectionId);
      if (!collection || collection.isBeingRemoved) throw new UnknownCollection(collectionId);
      const { numAffectedRows: registered = 0n } = await sql`
        insert into nft_metadata.tokens (collection_id, token_id)
        select ${collectionId}::uuid, ids.token_id
        from (select distinct token_id from unnest(${tokenIds}::numeric[]) as ids (token_id) order by token_id) as ids
        on conflict (collection_id, token_id) do nothing`.execute(em.getKysely());
      if (registered > 0n && collection.tokens + Number(registered) > maxCollectionTokens) {
        throw new CollectionFull(maxCollectionTokens);
      }
      return Number(registered);
    });
  }

  /** 0 for a collection that is not registered. */
  async count(collectionId: string): Promise<number> {
    const { rows } = await sql<{ tokens: string }>`
      select token_count::text as tokens from nft_metadata.collections where id = ${collectionId}::uuid`.execute(
      readingFrom(this.em).getKysely(),
    );
    return Number(rows[0]?.tokens ?? 0);
  }
}
