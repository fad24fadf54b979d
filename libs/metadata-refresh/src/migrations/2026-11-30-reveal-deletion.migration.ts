import { Migration } from '@mikro-orm/migrations';

/** Reveals that are being deleted: a reveal is not reverted while what its revert needs is deleted. */
export class RevealDeletionMigration extends Migration {
  override up(): void {
    this.addSql(`set local lock_timeout = '2s'`);
    // Since when its rows are deleted, in several statements. From then on it does not exist for readers.
    this.addSql(`alter table nft_metadata.reveals add column deleted_at timestamptz`);
  }

  override down(): void {
    this.addSql(`alter table nft_metadata.reveals drop column deleted_at`);
  }
}
