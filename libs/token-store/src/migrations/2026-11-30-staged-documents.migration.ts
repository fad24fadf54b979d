import { Migration } from '@mikro-orm/migrations';

/** Documents that are fetched and not shown yet, and the versions that publishing them has made. */
export class StagedDocumentsMigration extends Migration {
  override up(): void {
    // One row for each token of a reveal that was fetched. fetch_seq is that of its claim. metadata has the fields of the record, raw the
    // document as served; both are read once, so they are stored as text. trait_ids: of collection_traits, which has the rows with a
    // count of 0. size: characters of both documents. No foreign keys: rows are deleted in short statements, when their reveal has ended.
    this.addSql(`
      create table nft_metadata.staged_documents (
        reveal_id uuid not null,
        refresh_id uuid not null,
        fetch_seq bigint not null,
        fetched_at timestamptz not null,
        size integer not null,
        has_image boolean not null,
        token_id numeric(78, 0) not null,
        content_hash text not null,
        metadata_url text not null,
        metadata_source text not null,
        http_etag text,
        http_last_modified text,
        warnings text[],
        trait_ids bigint[] not null,
        metadata json not null,
        raw json not null,
        primary key (reveal_id, token_id)
      ) with (toast_tuple_target = 4080)`);

    // The version that a reveal has made of each record that it changed, for as long as it can be reverted.
    this.addSql(`
      create table nft_metadata.revealed_versions (
        reveal_id uuid not null,
        version integer not null,
        token_id numeric(78, 0) not null,
        primary key (reveal_id, token_id)
      )`);
  }

  override down(): void {
    this.addSql(`drop table nft_metadata.staged_documents, nft_metadata.revealed_versions`);
  }
}
