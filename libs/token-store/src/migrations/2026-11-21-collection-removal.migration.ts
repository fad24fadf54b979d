import { Migration } from '@mikro-orm/migrations';

/** A collection that is being removed is hidden at once; its rows are deleted after that, in short statements. */
export class CollectionRemovalMigration extends Migration {
  override up(): void {
    this.addSql(`set local lock_timeout = '2s'`);
    this.addSql(`alter table nft_metadata.collections add column removed_at timestamptz`);
    this.addSql(`set local lock_timeout to default`);
  }

  override down(): void {
    this.addSql(`alter table nft_metadata.collections drop column removed_at`);
  }
}
