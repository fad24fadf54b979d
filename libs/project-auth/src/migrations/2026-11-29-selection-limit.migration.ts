import { Migration } from '@mikro-orm/migrations';

/** How many tokens one selection of a project may have. */
export class SelectionLimitMigration extends Migration {
  override up(): void {
    this.addSql(`set local lock_timeout = '2s'`);
    // null: the deployment's default; 0 blocks every selection.
    this.addSql(`
      alter table nft_metadata.projects
        add column tokens_per_selection integer check (tokens_per_selection >= 0)`);
  }

  override down(): void {
    this.addSql(`alter table nft_metadata.projects drop column tokens_per_selection`);
  }
}
