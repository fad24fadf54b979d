import { Migration } from '@mikro-orm/migrations';

/** Tokens for sale, in the marketplace's own schema beside `nft_metadata`. */
export class ListingsMigration extends Migration {
  override up(): void {
    this.addSql(`create schema if not exists marketplace`);

    // The last three columns are copies of token_search, so that a filter and an order are conditions on one table. The
    // default of name_key is the key of a token without a name, which sorts last.
    this.addSql(`
      create table marketplace.listings (
        id bigint generated always as identity primary key,
        collection_id uuid not null,
        token_id numeric(78, 0) not null,
        seller text not null check (seller ~ '^0x[0-9a-f]{40}$'),
        price numeric(78, 0) not null check (price >= 0),
        currency text not null,
        created_at timestamptz not null default now(),
        name_key text collate "C" not null default U&'\\+10FFFF',
        trait_ids bigint[] not null default '{}',
        name_ngrams integer[] not null default '{}'
      )`);

    this.addSql(`create index listings_token on marketplace.listings (collection_id, token_id)`);
    // One index for each order, for one collection and for all of them. The condition is true of all rows, and only pages name it: the
    // planner cannot choose these indexes for listings that are found by their token, however it estimates a collection.
    this.addSql(`create index listings_collection on marketplace.listings (collection_id, id) where id <> 0`);
    this.addSql(`
      create index listings_collection_price on marketplace.listings (collection_id, price, id) where id <> 0`);
    this.addSql(`
      create index listings_collection_name on marketplace.listings (collection_id, name_key, id) where id <> 0`);
    this.addSql(`create index listings_price on marketplace.listings (price, id)`);
    this.addSql(`create index listings_name on marketplace.listings (name_key, id)`);
    // Every search reads all of the pending list, so it is kept short: 512 kB.
    this.addSql(`
      create index listings_traits_and_name on marketplace.listings using gin (trait_ids, name_ngrams)
      with (gin_pending_list_limit = 512)`);

    // Copies names and traits in the transaction that writes the token, once for a batch. The planner settings: with
    // statistics of an empty table it would read all listings.
    this.addSql(`
      create function marketplace.copy_search_columns() returns trigger language plpgsql
      set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
      begin
        update marketplace.listings as listing
        set name_key = changed.name_key, trait_ids = changed.trait_ids, name_ngrams = changed.name_ngrams
        from changed
        where listing.collection_id = changed.collection_id and listing.token_id = changed.token_id;
        return null;
      end $$`);
    // A trigger with a transition table is for one event.
    this.addSql(`
      create trigger copy_inserted_to_listings after insert on nft_metadata.token_search
      referencing new table as changed for each statement execute function marketplace.copy_search_columns()`);
    this.addSql(`
      create trigger copy_updated_to_listings after update on nft_metadata.token_search
      referencing new table as changed for each statement execute function marketplace.copy_search_columns()`);
  }

  override down(): void {
    this.addSql(`drop trigger copy_inserted_to_listings on nft_metadata.token_search`);
    this.addSql(`drop trigger copy_updated_to_listings on nft_metadata.token_search`);
    this.addSql(`drop function marketplace.copy_search_columns`);
    this.addSql(`drop table marketplace.listings`);
  }
}
