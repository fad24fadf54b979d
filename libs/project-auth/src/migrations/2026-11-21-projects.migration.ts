import { Migration } from '@mikro-orm/migrations';

/** Projects and their API keys. */
export class ProjectsMigration extends Migration {
  override up(): void {
    this.addSql(`create schema if not exists nft_metadata`);
    this.addSql(`
      create table nft_metadata.projects (
        id text primary key,
        name text not null,
        owner_address text not null unique check (owner_address ~ '^0x[0-9a-f]{40}$'),
        tokens_per_hour integer check (tokens_per_hour >= 0),
        created_at timestamptz not null default now()
      )`);
    this.addSql(`
      create table nft_metadata.api_keys (
        id uuid primary key,
        project_id text not null references nft_metadata.projects (id) on delete cascade,
        prefix text not null unique,
        hash bytea not null unique check (length(hash) = 32),
        created_at timestamptz not null default now(),
        revoked_at timestamptz,
        last_used_at timestamptz
      )`);
    this.addSql(`create index api_keys_project on nft_metadata.api_keys (project_id)`);
  }

  override down(): void {
    this.addSql(`drop table nft_metadata.api_keys, nft_metadata.projects`);
  }
}
