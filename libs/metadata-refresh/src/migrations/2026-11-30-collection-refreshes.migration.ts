import { Migration } from '@mikro-orm/migrations';

/** Which records of collections are to be read from their contracts. */
export class CollectionRefreshesMigration extends Migration {
  override up(): void {
    // due_at: when the contract is read next; null: nothing waits. attempted_at: the last attempt, and the fence of its result: a
    // claim sets it, and moves due_at one lease ahead. attempts: since the last request.
    this.addSql(`
      create table nft_metadata.collection_refreshes (
        collection_id uuid primary key references nft_metadata.collections (id) on delete cascade,
        requested_at timestamptz not null,
        due_at timestamptz,
        attempted_at timestamptz,
        attempts integer not null default 0 check (attempts >= 0),
        last_error text
      ) with (fillfactor = 70)`);
    this.addSql(`
      create index collection_refreshes_due on nft_metadata.collection_refreshes (due_at) where due_at is not null`);
  }

  override down(): void {
    this.addSql(`drop table nft_metadata.collection_refreshes`);
  }
}
