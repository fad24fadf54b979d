import { Migration } from '@mikro-orm/migrations';

/**
 * Filters by number, and by trait across all collections; and what `token_search` has taken the place of. Built beside
 * those who write; inside a transaction PostgreSQL builds only in their way, so a migrator that takes all or nothing has
 * to wait for it. Each step may be taken again.
 */
export class TraitLookupsMigration extends Migration {
  override isTransactional(): boolean {
    return this.config.get('migrations').allOrNothing ?? true;
  }

  override up(): void {
    this.limitWaiting();
    this.build('collection_traits_number', '(collection_id, trait_type, value_number) where value_number is not null');
    this.build('collection_traits_type_number', '(trait_type, value_number) where value_number is not null');
    this.build('collection_traits_type_value', '(trait_type, value)');
    this.addSql(`drop index ${this.concurrently} if exists nft_metadata.tokens_trait_ids`);
    this.addSql(`
      create or replace function nft_metadata.forget_removed_tokens() returns trigger language plpgsql
      set enable_seqscan = off as $$
      begin
        delete from nft_metadata.token_search as search using removed
        where search.collection_id = removed.collection_id and search.token_id = removed.token_id;
        return null;
      end $$`);
    this.addSql(`
      create or replace trigger forget_removed_tokens after delete on nft_metadata.tokens
      referencing old table as removed for each statement execute function nft_metadata.forget_removed_tokens()`);
  }

  override down(): void {
    this.limitWaiting();
    this.addSql(`drop trigger if exists forget_removed_tokens on nft_metadata.tokens`);
    this.addSql(`drop function if exists nft_metadata.forget_removed_tokens`);
    this.addSql(`drop index if exists nft_metadata.collection_traits_number, nft_metadata.collection_traits_type_number,
      nft_metadata.collection_traits_type_value`);
    this.addSql(`drop index ${this.concurrently} if exists nft_metadata.tokens_trait_ids`);
    this.addSql(`create index ${this.concurrently} tokens_trait_ids on nft_metadata.tokens using gin (trait_ids)`);
  }

  private get concurrently(): string {
    return this.ctx ? '' : 'concurrently';
  }

  private limitWaiting(): void {
    if (this.ctx) this.addSql(`set local lock_timeout = '2s'`);
  }

  private build(name: string, columns: string): void {
    this.addSql(`drop index ${this.concurrently} if exists nft_metadata.${name}`);
    this.addSql(`create index ${this.concurrently} ${name} on nft_metadata.collection_traits ${columns}`);
  }
}
