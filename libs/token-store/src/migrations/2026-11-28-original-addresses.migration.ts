import { Migration } from '@mikro-orm/migrations';

/** The animation as the document gave it, and metadata URLs as they are registered from now on. */
export class OriginalAddressesMigration extends Migration {
  override up(): void {
    this.addSql(`set local lock_timeout = '2s'`);
    this.addSql(`alter table nft_metadata.tokens add column animation_original text`);
    // Blanks, and an empty query or fragment, which sent every token of a collection to the same URL.
    this.addSql(`
      update nft_metadata.collections
      set metadata_url = regexp_replace(btrim(metadata_url, E' \\t\\r\\n'), '[/?#[:space:]]+$', '')
      where metadata_url ~ '(^[[:space:]]|[/?#[:space:]]$)'`);
    this.addSql(`set local lock_timeout to default`);
  }

  override down(): void {
    this.addSql(`alter table nft_metadata.tokens drop column animation_original`);
  }
}
