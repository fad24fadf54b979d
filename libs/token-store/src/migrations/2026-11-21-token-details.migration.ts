import { Migration } from '@mikro-orm/migrations';

/** ERC-1155's `decimals`, beside the localization that is there already. */
export class TokenDetailsMigration extends Migration {
  override up(): void {
    // Whoever comes after a waiting `alter table` waits behind it: rather fail, and be tried again, than hold up all.
    this.addSql(`set local lock_timeout = '2s'`);
    this.addSql(`alter table nft_metadata.tokens add column decimals integer`);
    this.addSql(`set local lock_timeout to default`);
  }

  override down(): void {
    this.addSql(`alter table nft_metadata.tokens drop column decimals`);
  }
}
