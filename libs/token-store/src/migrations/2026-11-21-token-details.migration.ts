import { Migration } from '@mikro-orm/migrations';

/** ERC-1155's `decimals`, beside the localization that is there already. */
export class TokenDetailsMigration extends Migration {
  override up(): void {
    this.addSql(`alter table nft_metadata.tokens add column decimals integer`);
  }

  override down(): void {
    this.addSql(`alter table nft_metadata.tokens drop column decimals`);
  }
}
