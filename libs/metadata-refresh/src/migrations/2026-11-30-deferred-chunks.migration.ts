import { Migration } from '@mikro-orm/migrations';

/** Chunks whose tokens were in flight: the next claim of these tokens takes them as well, before they are due. */
export class DeferredChunksMigration extends Migration {
  override up(): void {
    this.addSql(`set local lock_timeout = '2s'`);
    // is_deferred: due_at is the end of a deferral, and not of a retry delay, which no claim shortens.
    this.addSql(`alter table nft_metadata.refresh_chunks add column is_deferred boolean not null default false`);
    this.addSql(`
      create index refresh_chunks_deferred on nft_metadata.refresh_chunks (lane_id, due_at, id)
      where is_deferred and not is_claimed and not is_paused`);
  }

  override down(): void {
    this.addSql(`alter table nft_metadata.refresh_chunks drop column is_deferred`);
  }
}
