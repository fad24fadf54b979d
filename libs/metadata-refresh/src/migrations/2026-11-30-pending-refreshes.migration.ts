import { Migration } from '@mikro-orm/migrations';

/** Finds the refreshes that are not completed, for metrics. */
export class PendingRefreshesMigration extends Migration {
  override up(): void {
    // A row enters it at the acceptance and leaves it at the completion; the counters of a refresh do not touch it.
    this.addSql(`create index refreshes_pending on nft_metadata.refreshes (created_at) where completed_at is null`);
  }

  override down(): void {
    this.addSql(`drop index nft_metadata.refreshes_pending`);
  }
}
