import { Migration } from '@mikro-orm/migrations';

/** What the operator has agreed with a collection's metadata host. */
export class HostConcurrencyMigration extends Migration {
  override up(): void {
    this.addSql(`set local lock_timeout = '2s'`);
    this.addSql(`
      alter table nft_metadata.collections
        add column host_concurrency integer check (host_concurrency between 1 and 1000)`);
    this.addSql(`set local lock_timeout to default`);
  }

  override down(): void {
    this.addSql(`alter table nft_metadata.collections drop column host_concurrency`);
  }
}
