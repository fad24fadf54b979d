import { bigintArray, inTransaction, textArray } from '@app/database';
import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { sql, type RawBuilder } from 'kysely';
import { lockCollection } from './collection-lock.js';
import { TraitIndex } from './trait-index.js';

/** Tokens that one transaction deletes. */
const BATCH_SIZE = 1000;

/**
 * Deletes rows of `nft_metadata.tokens`, batch by batch, and updates the counts of their traits in the same transaction. A
 * trigger deletes their documents and search rows.
 * Locks the collection, then token rows in key order, then trait rows. Registrations and workers lock in the same order,
 * so they cannot deadlock with a removal.
 */
@Injectable()
export class TokenRemoval {
  constructor(
    private readonly em: EntityManager,
    private readonly traits: TraitIndex,
  ) {}

  /** Returns how many of these were registered. */
  async remove(collectionId: string, tokenIds: readonly string[]): Promise<number> {
    let removed = 0;
    for (let at = 0; at < tokenIds.length; at += BATCH_SIZE) {
      const batch = tokenIds.slice(at, at + BATCH_SIZE);
      removed += (await this.removeWhere(collectionId, sql`token_id = any(${batch}::numeric[])`)).length;
    }
    return removed;
  }

  /** All tokens of a collection. Returns how many there were. */
  async removeAll(collectionId: string): Promise<number> {
    let removed = 0;
    // Continue after the last id, so that index entries of deleted rows are not scanned again.
    for (let last = '-1'; ;) {
      const batch = await this.removeWhere(collectionId, sql`token_id > ${last}::numeric`);
      if (batch.length === 0) return removed;
      removed += batch.length;
      last = batch.reduce((largest, tokenId) => (BigInt(tokenId) > BigInt(largest) ? tokenId : largest), last);
    }
  }

  private removeWhere(collectionId: string, condition: RawBuilder<unknown>): Promise<string[]> {
    return inTransaction(this.em, async (em) => {
      await lockCollection(em, collectionId);
      // In the order of the index of the key. With statistics from before a large registration the planner expects one
      // row, and would read and sort all remaining rows for each batch.
      await sql`select set_config('enable_sort', 'off', true)`.execute(em.getKysely());
      const { rows: locked } = await sql<{ id: string; tokenId: string }>`
        select id::text as id, token_id::text as "tokenId" from nft_metadata.tokens
        where collection_id = ${collectionId}::uuid and ${condition}
        order by token_id
        limit ${BATCH_SIZE}
        for update`.execute(em.getKysely());
      const tokenIds = locked.map(({ tokenId }) => tokenId);
      if (tokenIds.length === 0) return [];
      // In a statement of its own, after the lock: it reads what workers have committed until then.
      const { rows: searched } = await sql<{ traitIds: string[] }>`
        select trait_ids::text[] as "traitIds" from nft_metadata.token_search
        where collection_id = ${collectionId}::uuid and token_id = any(${textArray(tokenIds)}::text[]::numeric[])`.execute(
        em.getKysely(),
      );
      await sql`
        delete from nft_metadata.tokens where id = any(${bigintArray(locked.map(({ id }) => id))}::bigint[])`.execute(
        em.getKysely(),
      );
      await this.traits.count(
        em,
        searched.map(({ traitIds }) => ({ collectionId, before: traitIds.map(Number), after: [] })),
      );
      return tokenIds;
    });
  }
}
