import { Migration } from '@mikro-orm/migrations';

/** What tokens are found by: small rows beside the records, and indexes for filters and orders. Holds up nobody. */
export class TokenSearchMigration extends Migration {
  override up(): void {
    // Written when a name or a trait changes, and not when a refresh finds nothing new.
    this.addSql(`
      create table nft_metadata.token_search (
        collection_id uuid not null,
        id bigint not null,
        token_id numeric(78, 0) not null,
        name_key text collate "C" not null,
        trait_ids bigint[] not null,
        name_grams integer[] not null,
        primary key (collection_id, token_id)
      ) with (fillfactor = 90)`);

    this.addSql(`
      insert into nft_metadata.token_search (collection_id, id, token_id, name_key, trait_ids, name_grams)
      select token.collection_id, token.id, token.token_id,
        case when token.name is null or token.name = '' then U&'\\+10FFFF' else key end, token.trait_ids,
        array[(('x' || right(token.collection_id::text, 8))::bit(32)::bigint & 4294967295) % 2147483647]::integer[] || array(
          select distinct (-1 - (ascii(substr(key, at, 1))::bigint * 257 + ascii(substr(key, at + 1, 1))) % 2147483647)::integer
          from generate_series(1, length(key) - 1) as at
        ) || array(
          select distinct ((ascii(substr(key, at, 1))::bigint * 66049 + ascii(substr(key, at + 1, 1)) * 257
            + ascii(substr(key, at + 2, 1))) % 2147483647)::integer
          from generate_series(1, length(key) - 2) as at
        )
      from nft_metadata.tokens as token, lower(left(coalesce(token.name, ''), 255)) as key
      where token.metadata_version > 0`);

    this.addSql(`create index token_search_registered on nft_metadata.token_search (collection_id, id)`);
    this.addSql(`create index token_search_name on nft_metadata.token_search (collection_id, name_key, token_id)`);
    // Every search reads all of the pending list, so it is kept short: 512 kB.
    this.addSql(`
      create index token_search_found on nft_metadata.token_search using gin (trait_ids, name_grams)
      with (gin_pending_list_limit = 512)`);
  }

  override down(): void {
    this.addSql(`drop table nft_metadata.token_search`);
  }
}
