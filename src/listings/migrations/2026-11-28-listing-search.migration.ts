import { Migration } from '@mikro-orm/migrations';

/**
 * A listing holds what its token is found by, so that a filter and an order are conditions on one table. A trigger keeps
 * it so, in the transaction that writes the token: its statement runs once for a batch, and only when a name or a trait
 * has changed.
 */
export class ListingSearchMigration extends Migration {
  override up(): void {
    this.addSql(`set local lock_timeout = '2s'`);
    this.addSql(`
      alter table marketplace.listings
        add column name_key text collate "C" not null default U&'\\+10FFFF',
        add column trait_ids bigint[] not null default '{}',
        add column name_grams integer[] not null default '{}'`);

    this.addSql(`
      create function marketplace.follow_tokens() returns trigger language plpgsql
      set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
      begin
        update marketplace.listings as listing
        set name_key = changed.name_key, trait_ids = changed.trait_ids, name_grams = changed.name_grams
        from changed
        where listing.collection_id = changed.collection_id and listing.token_id = changed.token_id;
        return null;
      end $$`);
    for (const event of ['insert', 'update']) {
      this.addSql(`
        create trigger follow_${event}ed_tokens after ${event} on nft_metadata.token_search
        referencing new table as changed for each statement execute function marketplace.follow_tokens()`);
    }
    this.addSql(`
      update marketplace.listings as listing
      set name_key = search.name_key, trait_ids = search.trait_ids, name_grams = search.name_grams
      from nft_metadata.token_search as search
      where search.collection_id = listing.collection_id and search.token_id = listing.token_id`);

    this.addSql(`create index listings_of_collection on marketplace.listings (collection_id, id)`);
    this.addSql(`create index listings_price on marketplace.listings (price, id)`);
    this.addSql(`create index listings_price_in_collection on marketplace.listings (collection_id, price, id)`);
    this.addSql(`create index listings_name on marketplace.listings (name_key, id)`);
    this.addSql(`create index listings_name_in_collection on marketplace.listings (collection_id, name_key, id)`);
    this.addSql(`
      create index listings_found on marketplace.listings using gin (trait_ids, name_grams)
      with (gin_pending_list_limit = 512)`);
    this.addSql(`set local lock_timeout to default`);
  }

  override down(): void {
    for (const event of ['insert', 'update']) {
      this.addSql(`drop trigger follow_${event}ed_tokens on nft_metadata.token_search`);
    }
    this.addSql(`drop function marketplace.follow_tokens`);
    this.addSql(`alter table marketplace.listings drop column name_key, drop column trait_ids, drop column name_grams`);
    this.addSql(
      `drop index marketplace.listings_of_collection, marketplace.listings_price, marketplace.listings_price_in_collection`,
    );
  }
}
