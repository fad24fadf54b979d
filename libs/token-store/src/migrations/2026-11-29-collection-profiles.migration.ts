import { Migration } from '@mikro-orm/migrations';

/** What the owner of a collection says of the collection itself. */
export class CollectionProfilesMigration extends Migration {
  override up(): void {
    // updated_at: when a value changed; synced_at: when it was sent last.
    this.addSql(`
      create table nft_metadata.collection_profiles (
        collection_id uuid primary key references nft_metadata.collections (id) on delete cascade,
        name text,
        symbol text,
        description text,
        image text,
        external_link text,
        contract_uri text,
        base_uri text,
        updated_at timestamptz not null,
        synced_at timestamptz not null
      )`);
  }

  override down(): void {
    this.addSql(`drop table nft_metadata.collection_profiles`);
  }
}
