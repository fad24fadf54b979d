import type { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import { collectionGram, gramsOf, nameKey } from './name-key.js';

export interface SearchedToken {
  /** The key of the row in `tokens`. */
  id: string;
  collectionId: string;
  tokenId: string;
  name: string | null;
  traitIds: readonly string[];
}

/** What tokens are found by: `token_search` holds a small row for each token that has metadata. */
@Injectable()
export class SearchIndex {
  /** In the transaction that writes the records, with these locked, and only for those whose name or traits have changed. */
  async write(em: EntityManager, tokens: readonly SearchedToken[]): Promise<void> {
    if (tokens.length === 0) return;
    const rows = tokens.map((token) => ({ ...token, nameKey: nameKey(token.name) }));
    await sql`
      insert into nft_metadata.token_search as search (collection_id, id, token_id, name_key, trait_ids, name_grams)
      select collection_id, id, token_id, name_key, trait_ids::bigint[], name_grams::integer[]
      from unnest(
        ${rows.map(({ collectionId }) => collectionId)}::uuid[],
        ${rows.map(({ id }) => id)}::bigint[],
        ${rows.map(({ tokenId }) => tokenId)}::numeric[],
        ${rows.map((row) => row.nameKey)}::text[],
        ${rows.map(({ traitIds }) => `{${traitIds.join(',')}}`)}::text[],
        ${rows.map((row) => `{${[collectionGram(row.collectionId), ...gramsOf(row.nameKey)].join(',')}}`)}::text[]
      ) as row (collection_id, id, token_id, name_key, trait_ids, name_grams)
      on conflict (collection_id, token_id) do update
      set id = excluded.id, name_key = excluded.name_key, trait_ids = excluded.trait_ids, name_grams = excluded.name_grams`.execute(
      em.getKysely(),
    );
  }
}
