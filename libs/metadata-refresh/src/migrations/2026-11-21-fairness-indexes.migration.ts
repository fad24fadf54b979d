import { Migration } from '@mikro-orm/migrations';

/**
 * The order in which items are claimed now, and other pending items of a token. Built beside those who write, because
 * `refresh_items` may be large; inside a transaction PostgreSQL builds only in their way, so a migrator that takes all
 * or nothing has to wait for it.
 */
export class FairnessIndexesMigration extends Migration {
  override isTransactional(): boolean {
    return this.config.get('migrations').allOrNothing ?? true;
  }

  override up(): void {
    this.closeTable();
    this.build('refresh_items_due', '(lane_id, priority, due_at, id)');
    this.build('refresh_items_token', '(token_id, lane_id)');
    this.forgetHowManyArePending();
  }

  override down(): void {
    this.closeTable();
    this.addSql(`alter table nft_metadata.refresh_items alter column status set statistics -1`);
    this.addSql(`drop index nft_metadata.refresh_items_token`);
    this.build('refresh_items_due', '(lane_id, due_at, id)');
  }

  /**
   * A table is analysed when nobody writes, and then nothing is pending. The planner would believe that it always is so,
   * take any index for as good as another, and read all that is pending for each token. Without statistics it assumes a
   * small part of the table. Servers before 18 keep what they have believed so far.
   */
  private forgetHowManyArePending(): void {
    this.addSql(`alter table nft_metadata.refresh_items alter column status set statistics 0`);
    this.addSql(`
      do $$ begin
        perform pg_clear_attribute_stats('nft_metadata', 'refresh_items', 'status', false);
      exception when undefined_function then null;
      end $$`);
  }

  /** In a transaction, the strongest lock first: those who write would come between it and a weaker one. */
  private closeTable(): void {
    if (!this.ctx) return;
    this.addSql(`set local lock_timeout = '2s'`);
    this.addSql(`lock table nft_metadata.refresh_items in access exclusive mode`);
    this.addSql(`set local lock_timeout to default`);
  }

  /** Each step may be taken again: what a build that was broken off has left is of no use, and is removed. */
  private build(name: string, columns: string): void {
    const concurrently = this.ctx ? '' : 'concurrently';
    this.addSql(`drop index ${concurrently} if exists nft_metadata.${name}_new`);
    this.addSql(
      `create index ${concurrently} ${name}_new on nft_metadata.refresh_items ${columns} where status = 'pending'`,
    );
    this.addSql(`drop index ${concurrently} if exists nft_metadata.${name}`);
    this.addSql(`alter index nft_metadata.${name}_new rename to ${name}`);
  }
}
