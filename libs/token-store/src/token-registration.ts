import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import { CollectionFull, UnknownCollection } from './token-store.errors.js';
import { inTransaction } from '@app/database';

/** Adds rows to `nft_metadata.tokens`. */
@Injectable()
export class TokenRegistration {
  constructor(private readonly em: EntityManager) {}

  /** Returns how many are new. Throws UnknownCollection. */
  async insert(em: EntityManager, collectionId: string, tokenIds: readonly string[]): Promise<number> {
    const { rows } = await sql<{ isKnown: boolean; registered: number }>`
      with collection as materialized (
        select id from nft_metadata.collections where id = ${collectionId}::uuid and removed_at is null
      ), registered as (
        insert into nft_metadata.tokens (collection_id, token_id, registered_at)
        select collection.id, ids.token_id, now()
        from collection
        cross join (
          select distinct token_id from unnest(${tokenIds}::numeric[]) as ids (token_id) order by token_id
        ) as ids
        on conflict (collection_id, token_id) do nothing
        returning id
      )
      select exists (select from collection) as "isKnown", (select count(*)::int from registered) as registered`.execute(
      em.getKysely(),
    );
    if (!rows[0]!.isKnown) throw new UnknownCollection(collectionId);
    return rows[0]!.registered;
  }

  /**
   * The same while the collection holds no more tokens than `limit`: exact, because callers with a limit take turns at
   * the collection's row. Throws CollectionFull, and then registers none.
   */
  async insertUpTo(limit: number, collectionId: string, tokenIds: readonly string[]): Promise<number> {
    return inTransaction(this.em, async (em) => {
      await sql`
        select from nft_metadata.collections where id = ${collectionId}::uuid for no key update`.execute(
        em.getKysely(),
      );
      const registered = await this.insert(em, collectionId, tokenIds);
      if (registered > 0 && (await this.count(em, collectionId)) > limit) throw new CollectionFull(limit);
      return registered;
    });
  }

  async count(em: EntityManager, collectionId: string): Promise<number> {
    const { rows } = await sql<{ tokens: number }>`
      select count(*)::int as tokens from nft_metadata.tokens where collection_id = ${collectionId}::uuid`.execute(
      em.getKysely(),
    );
    return rows[0]!.tokens;
  }
}
