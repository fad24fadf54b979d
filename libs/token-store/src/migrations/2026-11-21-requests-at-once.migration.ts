import { Migration } from '@mikro-orm/migrations';

/** What the operator has agreed with a collection's metadata host. */
export class RequestsAtOnceMigration extends Migration {
  override up(): void {
    this.addSql(`set local lock_timeout = '2s'`);
    this.addSql(`
      alter table nft_metadata.collections
        add column requests_at_once integer check (requests_at_once between 1 and 1000)`);
    this.addSql(`set local lock_timeout to default`);
  }

  override down(): void {
    this.addSql(`alter table nft_metadata.collections drop column requests_at_once`);
  }
}
