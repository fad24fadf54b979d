import { Migration } from '@mikro-orm/migrations';

/** Collections whose owners push their metadata, and who pushed a record. */
export class PushedMetadataMigration extends Migration {
  override up(): void {
    // pushed: nothing is fetched. push_policy: whether a later fetch may replace metadata that was pushed; null: by the source.
    this.addSql(`
      alter table nft_metadata.collections
        drop constraint collections_source_check,
        add constraint collections_source_check check (source in ('metadata_api', 'chain', 'pushed')),
        add column push_policy text
          constraint collections_push_policy_check check (push_policy in ('push_wins', 'last_wins'))`);
    // The project that sent the document; null: it was fetched.
    this.addSql(`alter table nft_metadata.tokens add column pushed_by text`);
    // Its document was pushed, and is restored as such; null: it was fetched.
    this.addSql(`alter table nft_metadata.token_versions add column is_pushed boolean`);
  }

  override down(): void {
    this.addSql(`alter table nft_metadata.token_versions drop column is_pushed`);
    this.addSql(`alter table nft_metadata.tokens drop column pushed_by`);
    // Their metadata stays; nothing was ever fetched for them.
    this.addSql(`update nft_metadata.collections set source = 'chain' where source = 'pushed'`);
    this.addSql(`
      alter table nft_metadata.collections
        drop column push_policy,
        drop constraint collections_source_check,
        add constraint collections_source_check check (source in ('metadata_api', 'chain'))`);
  }
}
