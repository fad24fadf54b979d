import { Migration } from '@mikro-orm/migrations';

/** When a token was registered. */
export class RegistrationTimesMigration extends Migration {
  override up(): void {
    // Tokens of earlier releases get the time of the migration, without a rewrite of the table.
    this.addSql(`alter table nft_metadata.tokens add column registered_at timestamptz not null default now()`);
  }

  override down(): void {
    this.addSql(`alter table nft_metadata.tokens drop column registered_at`);
  }
}
