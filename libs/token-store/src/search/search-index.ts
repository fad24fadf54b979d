import type { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import { inTransaction } from '@app/database';
import { collectionMarker, ngramsOf, nameKey } from './name-key.js';

export interface SearchedToken {
  /** The key of the row in `tokens`. */
  id: string;
  collectionId: string;
  tokenId: string;
  name: string | null;
  traitIds: readonly string[];
}

/** Rows that one transaction of `repair` locks. */
const REPAIR_BATCH_SIZE = 5000;

interface FoundToken extends SearchedToken {
  nameKey: string | null;
  searchedTraitIds: string[] | null;
}

/** Writes `token_search`: one small row for each token that has metadata, which filters and orders read. */
@Injectable()
export class SearchIndex {
  /** Call it in the transaction that writes the records, which has locked them, and only for changed names or traits. */
  async write(em: EntityManager, tokens: readonly SearchedToken[]): Promise<void> {
    if (tokens.length === 0) return;
    const rows = tokens.map((token) => ({ ...token, nameKey: nameKey(token.name) }));
    await sql`
      insert into nft_metadata.token_search as search (collection_id, id, token_id, name_key, trait_ids, name_ngrams)
      select collection_id, id, token_id, name_key, trait_ids::bigint[], name_ngrams::integer[]
      from unnest(
        ${rows.map(({ collectionId }) => collectionId)}::uuid[],
        ${rows.map(({ id }) => id)}::bigint[],
        ${rows.map(({ tokenId }) => tokenId)}::numeric[],
        ${rows.map((row) => row.nameKey)}::text[],
        ${rows.map(({ traitIds }) => `{${traitIds.join(',')}}`)}::text[],
        ${rows.map((row) => `{${[collectionMarker(row.collectionId), ...ngramsOf(row.nameKey)].join(',')}}`)}::text[]
      ) as row (collection_id, id, token_id, name_key, trait_ids, name_ngrams)
      on conflict (collection_id, token_id) do update
      set id = excluded.id, name_key = excluded.name_key, trait_ids = excluded.trait_ids, name_ngrams = excluded.name_ngrams`.execute(
      em.getKysely(),
    );
  }

  /**
   * Compares the rows with the token records of a collection and writes those that differ. Safe while workers write.
   * Returns how many differed.
   */
  async repair(em: EntityManager, collectionId: string): Promise<number> {
    let repaired = 0;
    for (let after: string | null = '-1'; after !== null;) {
      const from: string = after;
      after = await inTransaction(em, async (transaction) => {
        const tokens = await this.lockAfter(transaction, collectionId, from);
        const wrong = tokens.filter(
          (token) =>
            token.nameKey !== nameKey(token.name) || token.traitIds.join() !== (token.searchedTraitIds ?? []).join(),
        );
        await this.write(transaction, wrong);
        repaired += wrong.length;
        return tokens.at(-1)?.tokenId ?? null;
      });
    }
    return repaired;
  }

  private async lockAfter(em: EntityManager, collectionId: string, tokenId: string): Promise<FoundToken[]> {
    const { rows } = await sql<FoundToken>`
      select token.id::text as id, token.collection_id as "collectionId", token.token_id::text as "tokenId", token.name,
        token.trait_ids::text[] as "traitIds", search.name_key as "nameKey", search.trait_ids::text[] as "searchedTraitIds"
      from nft_metadata.tokens as token
      left join nft_metadata.token_search as search
        on search.collection_id = token.collection_id and search.token_id = token.token_id
      where token.collection_id = ${collectionId}::uuid and token.token_id > ${tokenId}::numeric
        and token.metadata_version > 0
      order by token.token_id
      limit ${REPAIR_BATCH_SIZE}
      for no key update of token`.execute(em.getKysely());
    return rows;
  }
}
