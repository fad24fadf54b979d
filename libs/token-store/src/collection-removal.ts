import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { sql } from 'kysely';
import { UnknownCollection } from './token-store.errors.js';
import { TokenStore } from './token-store.js';

/** Trait values that one statement removes. */
const TRAITS_BATCH_SIZE = 5000;

/**
 * Removes a collection in three steps: it is hidden, so that nothing new begins; its traits and tokens are deleted in
 * short statements; its row is deleted. Each step can be repeated, so an interrupted removal is completed by another.
 */
@Injectable()
export class CollectionRemoval {
  constructor(
    private readonly em: EntityManager,
    private readonly modules: ModuleRef,
  ) {}

  /** Returns how many tokens there were. Throws UnknownCollection. */
  async remove(collectionId: string): Promise<number> {
    await this.hide(collectionId);
    // Found on use: a host's own TokenStore may inject Collections, which injects this class.
    const store = this.modules.get(TokenStore, { strict: false });
    // Traits first: no counts are moved for rows that go anyway, and counts that are wrong are in nobody's way.
    await this.removeTraits(collectionId);
    for (let tokens = 0; ;) {
      tokens += await store.removeTokens(collectionId);
      // Those that a worker has written since for a token that was still there.
      await this.removeTraits(collectionId);
      if (await this.removeRow(collectionId)) return tokens;
    }
  }

  private async hide(collectionId: string): Promise<void> {
    const { rows } = await sql`
      update nft_metadata.collections set removed_at = coalesce(removed_at, now())
      where id = ${collectionId}::uuid returning id`.execute(this.em.fork().getKysely());
    if (rows.length === 0) throw new UnknownCollection(collectionId);
  }

  private async removeTraits(collectionId: string): Promise<void> {
    for (let removed = -1n; removed !== 0n;) {
      ({ numAffectedRows: removed = 0n } = await sql`
        delete from nft_metadata.collection_traits where id = any(array(
          select id from nft_metadata.collection_traits
          where collection_id = ${collectionId}::uuid
          order by id
          limit ${TRAITS_BATCH_SIZE}
          for update
        ))`.execute(this.em.fork().getKysely()));
    }
  }

  /** False: tokens were registered by a statement that had begun before the collection was hidden. */
  private async removeRow(collectionId: string): Promise<boolean> {
    try {
      await sql`delete from nft_metadata.collections where id = ${collectionId}::uuid`.execute(
        this.em.fork().getKysely(),
      );
      return true;
    } catch (error) {
      if (isReferenced(error)) return false;
      throw error;
    }
  }
}

/** SQLSTATE 23503, foreign_key_violation. */
function isReferenced(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === '23503';
}
