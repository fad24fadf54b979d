import { Migration } from '@mikro-orm/migrations';

class ShopMigration extends Migration {
  override up(): void {
    this.addSql(`
      create table users (
        id integer generated always as identity primary key,
        name text not null, wallet text not null unique, api_key text not null unique
      )`);
    this.addSql(`
      create table collections (
        id integer generated always as identity primary key,
        address text not null unique, title text not null, metadata_url text not null,
        owner_id integer not null references users (id)
      )`);
    this.addSql(`
      create table offers (
        id integer generated always as identity primary key,
        collection_id integer not null references collections (id), token_id text not null, price text not null
      )`);
  }
}

/** The shop's own migrations. */
export const shopMigrations = [{ name: 'shop-2025-03-01', class: ShopMigration }];
