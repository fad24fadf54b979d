import { Migration } from '@mikro-orm/migrations';

/** What is for sale. The marketplace's own schema, beside `nft_metadata`. */
export class ListingsMigration extends Migration {
  override up(): void {
    this.addSql(`create schema if not exists marketplace`);
    this.addSql(`
      create table marketplace.listings (
        id bigint generated always as identity primary key,
        collection_id uuid not null,
        token_id numeric(78, 0) not null,
        seller text not null check (seller ~ '^0x[0-9a-f]{40}$'),
        price numeric(78, 0) not null check (price >= 0),
        currency text not null,
        created_at timestamptz not null default now()
      )`);
    this.addSql(`create index listings_token on marketplace.listings (collection_id, token_id)`);
  }

  override down(): void {
    this.addSql(`drop table marketplace.listings`);
  }
}
