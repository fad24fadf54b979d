import { Migration } from '@mikro-orm/migrations';

/** Stacks: tokens of a collection that were pushed with the same document. */
export class StacksMigration extends Migration {
  override up(): void {
    // content_hash: of the document that its tokens have. Another document that is pushed to the stack changes it, and the id stays; so
    // two stacks may come to the same content. updated_at: when it changed.
    this.addSql(`
      create table nft_metadata.stacks (
        id uuid primary key,
        collection_id uuid not null references nft_metadata.collections (id) on delete cascade,
        content_hash text not null,
        created_at timestamptz not null,
        updated_at timestamptz not null
      )`);
    this.addSql(`create index stacks_content on nft_metadata.stacks (collection_id, content_hash)`);
    this.addSql(`create index stacks_collection on nft_metadata.stacks (collection_id, id)`);

    // id is that of the row in tokens. The token is in the stack while its content_hash is that of the stack: whatever else changes a
    // token writes nothing here, and needs no foreign key. Rows that count no more are deleted once an hour.
    this.addSql(`
      create table nft_metadata.stack_tokens (
        id bigint primary key,
        stack_id uuid not null references nft_metadata.stacks (id) on delete cascade
      )`);
    this.addSql(`create index stack_tokens_stack on nft_metadata.stack_tokens (stack_id, id)`);
  }

  override down(): void {
    this.addSql(`drop table nft_metadata.stack_tokens, nft_metadata.stacks`);
  }
}
