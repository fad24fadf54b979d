import { bigintArray, inSnapshot, inTransaction, readInIndexOrder, textArray, uuidArray } from '@app/database';
import type { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import type { Attribute } from '../token-metadata.js';
import { TraitIndex } from '../trait-index.js';
import { collectionMarker, ngramsOf, nameKey } from './name-key.js';

export interface SearchedToken {
  /** The key of the row in `tokens`. */
  id: string;
  collectionId: string;
  tokenId: string;
  name: string | null;
  /** Ascending. */
  traitIds: readonly number[];
}

/** Rows that one transaction of `repair` locks. */
const REPAIR_BATCH_SIZE = 5000;

interface FoundToken extends Omit<SearchedToken, 'traitIds'> {
  attributes: Attribute[];
  nameKey: string | null;
  /** As text. */
  traitIds: string | null;
}

/** Writes `token_search`: one small row for each token that has metadata, which filters and orders read. */
@Injectable()
export class SearchIndex {
  constructor(private readonly traits: TraitIndex) {}

  /** Call it in the transaction that writes the records, which has locked them, and only for changed names or traits. */
  async write(em: EntityManager, tokens: readonly SearchedToken[]): Promise<void> {
    if (tokens.length === 0) return;
    const nameKeys = tokens.map(({ name }) => nameKey(name));
    await sql`
      insert into nft_metadata.token_search as search (collection_id, id, token_id, name_key, trait_ids, name_ngrams)
      select collection_id, id, token_id, name_key, trait_ids::bigint[], name_ngrams::integer[]
      from unnest(
        ${uuidArray(tokens.map(({ collectionId }) => collectionId))}::uuid[],
        ${bigintArray(tokens.map(({ id }) => id))}::bigint[],
        ${textArray(tokens.map(({ tokenId }) => tokenId))}::text[]::numeric[],
        ${textArray(nameKeys)}::text[],
        ${textArray(tokens.map(({ traitIds }) => `{${traitIds.join(',')}}`))}::text[],
        ${textArray(tokens.map(({ collectionId }, index) => `{${ngramList(collectionId, nameKeys[index]!)}}`))}::text[]
      ) as row (collection_id, id, token_id, name_key, trait_ids, name_ngrams)
      on conflict (collection_id, token_id) do update
      set id = excluded.id, name_key = excluded.name_key, trait_ids = excluded.trait_ids, name_ngrams = excluded.name_ngrams`.execute(
      em.getKysely(),
    );
  }

  /**
   * Compares the rows with the documents of a collection and writes those that differ. Safe while workers write. Counts of
   * traits are not changed. Returns how many rows differed.
   */
  async repair(em: EntityManager, collectionId: string): Promise<number> {
    let repaired = 0;
    for (let after = '-1'; ;) {
      const page = await this.pageAfter(em, collectionId, after);
      const last = page.at(-1);
      if (last === undefined) return repaired;
      after = last.tokenId;
      await inTransaction(em, async (transaction) => {
        const ids = await this.lock(
          transaction,
          page.map(({ id }) => id),
        );
        const tokens = await this.findByIds(transaction, ids);
        const traitIds = await this.traits.idsOf(transaction, tokens);
        const wrong = tokens.flatMap((token, index) => {
          const isRight = token.nameKey === nameKey(token.name) && token.traitIds === `{${traitIds[index]!.join(',')}}`;
          return isRight ? [] : [{ ...token, traitIds: traitIds[index]! }];
        });
        await this.write(transaction, wrong);
        repaired += wrong.length;
      });
    }
  }

  /** Tokens with metadata after this one, in the order of their ids. */
  private pageAfter(
    em: EntityManager,
    collectionId: string,
    tokenId: string,
  ): Promise<readonly Pick<FoundToken, 'id' | 'tokenId'>[]> {
    return inSnapshot(em, async (snapshot) => {
      await readInIndexOrder(snapshot);
      const { rows } = await sql<Pick<FoundToken, 'id' | 'tokenId'>>`
        select id::text as id, token_id::text as "tokenId" from nft_metadata.tokens as token
        where collection_id = ${collectionId}::uuid and token.token_id > ${tokenId}::numeric and metadata_version > 0
        order by token.token_id
        limit ${REPAIR_BATCH_SIZE}`.execute(snapshot.getKysely());
      return rows;
    });
  }

  /** Returns those that are still there. */
  private async lock(em: EntityManager, ids: readonly string[]): Promise<string[]> {
    const { rows } = await sql<{ id: string }>`
      select id::text as id from nft_metadata.tokens as token
      where token.id = any(${bigintArray(ids)}::bigint[])
      order by collection_id, token_id
      for no key update`.execute(em.getKysely());
    return rows.map(({ id }) => id);
  }

  /** In a statement of its own, after the lock: it reads what other writers have committed until then. */
  private async findByIds(em: EntityManager, ids: readonly string[]): Promise<FoundToken[]> {
    const { rows } = await sql<FoundToken>`
      select token.id::text as id, token.collection_id as "collectionId", token.token_id::text as "tokenId", document.name,
        coalesce(document.attributes, '[]') as attributes, search.name_key as "nameKey",
        search.trait_ids::text as "traitIds"
      from nft_metadata.tokens as token
      left join nft_metadata.token_documents as document on document.id = token.id
      left join nft_metadata.token_search as search
        on search.collection_id = token.collection_id and search.token_id = token.token_id
      where token.id = any(${bigintArray(ids)}::bigint[])
      order by token.token_id`.execute(em.getKysely());
    return rows;
  }
}

function ngramList(collectionId: string, key: string): string {
  return [collectionMarker(collectionId), ...ngramsOf(key)].join(',');
}
