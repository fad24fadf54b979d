import { inTransaction, readInIndexOrder } from '@app/database';
import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { sql } from 'kysely';
import { UnknownCollection } from './token-store.errors.js';
import { TokenStore } from './token-store.js';

/** Trait values that one statement deletes. */
const TRAITS_BATCH_SIZE = 5000;

/**
 * Removes a collection in three steps: it is hidden, so that nothing new begins; its traits and tokens are deleted in
 * short statements; its row is deleted. Each step can be repeated, so calling it again completes an interrupted removal.
 */
@Injectable()
export class CollectionRemoval {
  constructor(
    private readonly em: EntityManager,
    private readonly modules: ModuleRef,
  ) {}

  /** Returns how many tokens there were. Throws UnknownCollection, and what `deleteOwnRows` throws. */
  async remove(collectionId: string, deleteOwnRows?: () => Promise<void>): Promise<number> {
    await this.hide(collectionId);
    // Found on use: a host's own TokenStore may inject Collections, which injects this class.
    const store = this.modules.get(TokenStore, { strict: false });
    // Traits first: counts of rows that are deleted anyway need no update, and wrong counts cannot stop the removal.
    await this.deleteTraits(collectionId);
    const tokens = await store.removeTokens(collectionId);
    // Those that workers have inserted since.
    await this.deleteTraits(collectionId);
    await deleteOwnRows?.();
    await this.deleteRow(collectionId);
    return tokens;
  }

  /** Waits for transactions that are registering tokens or hold the collection in another way. */
  private async hide(collectionId: string): Promise<void> {
    const { rows } = await sql`
      update nft_metadata.collections set removed_at = coalesce(removed_at, now())
      where id = ${collectionId}::uuid returning id`.execute(this.em.fork().getKysely());
    if (rows.length === 0) throw new UnknownCollection(collectionId);
  }

  /** With the last traits: workers insert new values before they lock a token, so until the row is locked. */
  private async deleteRow(collectionId: string): Promise<void> {
    await inTransaction(this.em, async (em) => {
      await sql`select from nft_metadata.collections where id = ${collectionId}::uuid for update`.execute(
        em.getKysely(),
      );
      await sql`delete from nft_metadata.collection_traits where collection_id = ${collectionId}::uuid`.execute(
        em.getKysely(),
      );
      await sql`delete from nft_metadata.collections where id = ${collectionId}::uuid`.execute(em.getKysely());
    });
  }

  private async deleteTraits(collectionId: string): Promise<void> {
    for (let removed = -1n; removed !== 0n;) {
      removed = await inTransaction(this.em, async (em) => {
        // Chosen in the order of an index, and locked in the order of ids, as counts are.
        await readInIndexOrder(em);
        const { numAffectedRows = 0n } = await sql`
          delete from nft_metadata.collection_traits where id = any(array(
            select id from nft_metadata.collection_traits
            where id = any(array(
              select id from nft_metadata.collection_traits
              where collection_id = ${collectionId}::uuid
              order by trait_type, value
              limit ${TRAITS_BATCH_SIZE}
            ))
            order by id
            for update
          ))`.execute(em.getKysely());
        return numAffectedRows;
      });
    }
  }
}
