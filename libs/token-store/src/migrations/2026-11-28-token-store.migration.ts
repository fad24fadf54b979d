import { Migration } from '@mikro-orm/migrations';

/** The tables of this library: collections, token records, traits, and the rows that tokens are searched by. */
export class TokenStoreMigration extends Migration {
  override up(): void {
    this.addSql(`create schema if not exists nft_metadata`);

    // fillfactor: each registration and each removal updates token_count; room on the page makes that a HOT update.
    this.addSql(`
      create table nft_metadata.collections (
        id uuid primary key,
        chain_id bigint not null check (chain_id > 0),
        address text not null check (address ~ '^0x[0-9a-f]{40}$'),
        project_id text not null,
        source text not null check (source in ('metadata_api', 'chain')),
        metadata_url text,
        uri_rule text,
        -- Requests that its metadata host takes at the same time; null: the default of the deployment.
        host_concurrency integer check (host_concurrency between 1 and 1000),
        -- Rows of nft_metadata.tokens. Triggers keep it, because counting a million rows takes 0.1 s and more.
        token_count bigint not null default 0 check (token_count >= 0),
        created_at timestamptz not null default now(),
        -- Set when a removal begins: the collection is hidden at once, and its rows are deleted in short statements.
        removed_at timestamptz,
        unique (chain_id, address),
        check ((source = 'metadata_api') = (metadata_url is not null)),
        constraint collections_uri_rule_check check (
          uri_rule is null
            or source = 'chain' and uri_rule in ('standard', 'as_is', 'append_decimal', 'base_uri')
        )
      ) with (fillfactor = 50)`);
    this.addSql(`create index collections_address on nft_metadata.collections (address)`);
    this.addSql(`create index collections_project on nft_metadata.collections (project_id)`);

    // What each fetch writes. fillfactor: most refreshes find nothing new and only move timestamps; room on the page makes
    // that a HOT update. An index on a column that such a refresh moves would end that.
    this.addSql(`
      create table nft_metadata.tokens (
        id bigint generated always as identity primary key,
        collection_id uuid not null references nft_metadata.collections (id),
        token_id numeric(78, 0) not null check (token_id >= 0 and token_id < 2::numeric ^ 256),
        content_hash text,
        metadata_version integer not null default 0,
        metadata_url text,
        metadata_source text,
        metadata_status text not null default 'pending' check (metadata_status in ('pending', 'ok', 'stale', 'failed')),
        -- Of the document. Here, because each claim reads them; null: none.
        warnings text[],
        http_etag text,
        http_last_modified text,
        -- The last successful fetch, and the last one that changed the content.
        fetch_seq bigint not null default 0,
        change_seq bigint not null default 0,
        fail_count integer not null default 0,
        last_error_code text,
        last_error_reason text,
        last_attempt_at timestamptz,
        last_success_at timestamptz,
        changed_at timestamptz,
        stale_since timestamptz,
        last_refresh_id uuid,
        unique (collection_id, token_id),
        check ((metadata_status in ('ok', 'stale')) = (last_success_at is not null))
      ) with (fillfactor = 50)`);

    // What only a change of content writes: the document and the columns that are read from it. Its id is that of the row
    // in tokens; there is none before the first good response. Triggers delete it, because a foreign key is checked for each
    // row that is inserted. json: text is stored as it is, and operators read it; jsonb costs several times as much to
    // write. toast_tuple_target: documents of up to 4 kB stay in the row.
    this.addSql(`
      create table nft_metadata.token_documents (
        id bigint primary key,
        name text,
        description text,
        image_url text,
        image_original text,
        image_version integer not null default 0,
        animation_url text,
        animation_original text,
        external_url text,
        youtube_url text,
        background_color text,
        decimals integer,
        localization jsonb,
        attributes json not null,
        raw json not null
      ) with (fillfactor = 80, toast_tuple_target = 4080)`);

    // A row stays at a count of 0, so that its id is the same when the value comes back.
    this.addSql(`
      create table nft_metadata.collection_traits (
        id bigint generated always as identity primary key,
        collection_id uuid not null references nft_metadata.collections (id),
        trait_type text not null,
        value text not null,
        value_number numeric,
        token_count integer not null default 0 check (token_count >= 0),
        unique (collection_id, trait_type, value)
      ) with (fillfactor = 50)`);
    // Filters by number in one collection, and filters by value and by number in all collections.
    this.addSql(`
      create index collection_traits_number on nft_metadata.collection_traits (collection_id, trait_type, value_number)
      where value_number is not null`);
    this.addSql(`create index collection_traits_type_value on nft_metadata.collection_traits (trait_type, value)`);
    this.addSql(`
      create index collection_traits_type_number on nft_metadata.collection_traits (trait_type, value_number)
      where value_number is not null`);

    // A small row beside each record that has metadata, written when a name or a trait changes: the traits of the token, and
    // its name as it is searched. Its columns are indexed; those of the records are not.
    this.addSql(`
      create table nft_metadata.token_search (
        collection_id uuid not null,
        id bigint not null,
        token_id numeric(78, 0) not null,
        name_key text collate "C" not null,
        trait_ids bigint[] not null,
        name_ngrams integer[] not null,
        primary key (collection_id, token_id)
      ) with (fillfactor = 90)`);
    // For pages in these orders alone, which name the condition: it is true of all rows. A row that is read by its key names
    // none, so the planner cannot choose these indexes for it. With statistics from before, it would take each collection for
    // one row, and read all of its rows for each key.
    this.addSql(`
      create index token_search_registered on nft_metadata.token_search (collection_id, id) where id <> 0`);
    this.addSql(`
      create index token_search_name on nft_metadata.token_search (collection_id, name_key, token_id) where id <> 0`);
    // Every search reads all of the pending list, so it is kept short: 512 kB.
    this.addSql(`
      create index token_search_traits_and_name on nft_metadata.token_search using gin (trait_ids, name_ngrams)
      with (gin_pending_list_limit = 512)`);

    this.countRegisteredTokens();
    this.followDeletedTokens();
  }

  override down(): void {
    this.addSql(`
      drop table nft_metadata.token_search, nft_metadata.collection_traits, nft_metadata.token_documents, nft_metadata.tokens,
        nft_metadata.collections`);
    this.addSql(`drop function nft_metadata.count_registered_tokens, nft_metadata.follow_deleted_tokens`);
  }

  /** Once for each statement, whoever runs it. Collections in the order of their ids, so that two statements cannot deadlock. */
  private countRegisteredTokens(): void {
    this.addSql(`
      create function nft_metadata.count_registered_tokens() returns trigger language plpgsql as $$
      declare registered record;
      begin
        for registered in select collection_id, count(*) as tokens from added group by collection_id order by collection_id loop
          update nft_metadata.collections set token_count = token_count + registered.tokens
          where id = registered.collection_id;
        end loop;
        return null;
      end $$`);
    this.addSql(`
      create trigger count_registered_tokens after insert on nft_metadata.tokens
      referencing new table as added for each statement execute function nft_metadata.count_registered_tokens()`);
  }

  /** enable_seqscan: with statistics from before a large registration the planner would read all of both tables. */
  private followDeletedTokens(): void {
    this.addSql(`
      create function nft_metadata.follow_deleted_tokens() returns trigger language plpgsql
      set enable_seqscan = off as $$
      declare deleted record;
      begin
        delete from nft_metadata.token_search as search using removed
        where search.collection_id = removed.collection_id and search.token_id = removed.token_id;
        delete from nft_metadata.token_documents as document using removed where document.id = removed.id;
        for deleted in select collection_id, count(*) as tokens from removed group by collection_id order by collection_id loop
          update nft_metadata.collections set token_count = token_count - deleted.tokens where id = deleted.collection_id;
        end loop;
        return null;
      end $$`);
    this.addSql(`
      create trigger follow_deleted_tokens after delete on nft_metadata.tokens
      referencing old table as removed for each statement execute function nft_metadata.follow_deleted_tokens()`);
  }
}
