import { Migration } from '@mikro-orm/migrations';

/** Versions of token records, and holds that keep a record as it is. */
export class TokenVersionsMigration extends Migration {
  override up(): void {
    this.addSql(`set local lock_timeout = '2s'`);
    // One row for each change of a record, written with it; id is that of the row in tokens. replaced_raw is the document of the
    // version before, which this change replaced: so no document is stored twice. changed_fields, traits_added and traits_removed
    // are the difference to the version before: fields as bits (see record-difference.ts), traits as ids of collection_traits, whose
    // rows stay. No foreign key, as for token_documents: the trigger deletes versions with their tokens. No index but the key: each
    // would cost every first fetch. warnings: of the document, for a restore; null: none.
    this.addSql(`
      create table nft_metadata.token_versions (
        id bigint not null,
        version integer not null check (version > 0),
        refresh_id uuid,
        trigger text,
        created_at timestamptz not null,
        content_hash text not null,
        warnings text[],
        changed_fields integer not null,
        traits_added bigint[] not null,
        traits_removed bigint[] not null,
        replaced_raw json,
        primary key (id, version)
      ) with (toast_tuple_target = 4080)`);

    // held_until: no refresh fetches the token before. refresh_after_hold: one was wanted meanwhile. burned_at: its contract has no
    // such token any more.
    this.addSql(`
      alter table nft_metadata.tokens
        add column burned_at timestamptz,
        add column held_until timestamptz,
        add column refresh_after_hold boolean not null default false`);
    // The holds that end next.
    this.addSql(`
      create index tokens_held on nft_metadata.tokens (held_until) where held_until is not null`);

    this.followDeletedTokens(
      'delete from nft_metadata.token_versions as version using removed where version.id = removed.id;',
    );
  }

  override down(): void {
    this.followDeletedTokens();
    this.addSql(`drop table nft_metadata.token_versions`);
    this.addSql(
      `alter table nft_metadata.tokens drop column burned_at, drop column held_until, drop column refresh_after_hold`,
    );
  }

  /** The trigger of the first migration, with a further deletion. */
  private followDeletedTokens(deleteMore = ''): void {
    this.addSql(`
      create or replace function nft_metadata.follow_deleted_tokens() returns trigger language plpgsql
      set enable_seqscan = off as $$
      declare deleted record;
      begin
        delete from nft_metadata.token_search as search using removed
        where search.collection_id = removed.collection_id and search.token_id = removed.token_id;
        delete from nft_metadata.token_documents as document using removed where document.id = removed.id;
        ${deleteMore}
        for deleted in select collection_id, count(*) as tokens from removed group by collection_id order by collection_id loop
          update nft_metadata.collections set token_count = token_count - deleted.tokens where id = deleted.collection_id;
        end loop;
        return null;
      end $$`);
  }
}
