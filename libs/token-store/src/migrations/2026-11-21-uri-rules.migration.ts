import { Migration } from '@mikro-orm/migrations';

/** Rules that are followed, and nothing else. */
export class UriRulesMigration extends Migration {
  override up(): void {
    this.addSql(`set local lock_timeout = '2s'`);
    this.addSql(`
      alter table nft_metadata.collections add constraint collections_uri_rule_check check (
        uri_rule is null
          or source = 'chain' and uri_rule in ('standard', 'as_is', 'append_decimal', 'base_uri')
      )`);
    this.addSql(`set local lock_timeout to default`);
  }

  override down(): void {
    this.addSql(`alter table nft_metadata.collections drop constraint collections_uri_rule_check`);
  }
}
