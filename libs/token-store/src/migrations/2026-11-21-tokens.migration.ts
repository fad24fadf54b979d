import { Migration } from '@mikro-orm/migrations';

/** Collections, token records and traits. */
export class TokensMigration extends Migration {
  override up(): void {
    this.addSql(`create schema if not exists nft_metadata`);

    this.addSql(`
      create table nft_metadata.collections (
        id uuid primary key,
        chain_id bigint not null check (chain_id > 0),
        address text not null check (address ~ '^0x[0-9a-f]{40}$'),
        project_id text not null,
        source text not null check (source in ('metadata_api', 'chain')),
        metadata_url text,
        uri_rule text,
        created_at timestamptz not null default now(),
        unique (chain_id, address),
        check ((source = 'metadata_api') = (metadata_url is not null))
      )`);
    this.addSql(`create index collections_address on nft_metadata.collections (address)`);
    this.addSql(`create index collections_project on nft_metadata.collections (project_id)`);

    // fillfactor: most refreshes find nothing new and only move timestamps; with room on the page that is a HOT update.
    this.addSql(`
      create table nft_metadata.tokens (
        id bigint generated always as identity primary key,
        collection_id uuid not null references nft_metadata.collections (id),
        token_id numeric(78, 0) not null check (token_id >= 0 and token_id < 2::numeric ^ 256),
        name text,
        description text,
        image_url text,
        image_original text,
        image_version integer not null default 0,
        animation_url text,
        external_url text,
        youtube_url text,
        background_color text,
        attributes jsonb not null default '[]',
        localization jsonb,
        raw jsonb,
        content_hash text,
        metadata_version integer not null default 0,
        metadata_url text,
        metadata_source text,
        metadata_status text not null default 'pending' check (metadata_status in ('pending', 'ok', 'stale', 'failed')),
        warnings text[] not null default '{}',
        trait_ids bigint[] not null default '{}',
        http_etag text,
        http_last_modified text,
        fetch_seq bigint not null default 0,
        fail_count integer not null default 0,
        last_error_code text,
        last_error_reason text,
        last_attempt_at timestamptz,
        last_success_at timestamptz,
        changed_at timestamptz,
        stale_since timestamptz,
        last_refresh_id text,
        registered_at timestamptz not null default now(),
        unique (collection_id, token_id),
        check ((metadata_status in ('ok', 'stale')) = (last_success_at is not null))
      ) with (fillfactor = 80)`);
    this.addSql(`create index tokens_trait_ids on nft_metadata.tokens using gin (trait_ids)`);

    // A row is kept at a count of 0: its id stays the same when the value comes back.
    this.addSql(`
      create table nft_metadata.collection_traits (
        id bigint generated always as identity primary key,
        collection_id uuid not null references nft_metadata.collections (id),
        trait_type text not null,
        value text not null,
        value_number numeric,
        token_count integer not null default 0 check (token_count >= 0),
        unique (collection_id, trait_type, value)
      ) with (fillfactor = 80)`);
  }

  override down(): void {
    this.addSql(`drop table nft_metadata.collection_traits, nft_metadata.tokens, nft_metadata.collections`);
  }
}
