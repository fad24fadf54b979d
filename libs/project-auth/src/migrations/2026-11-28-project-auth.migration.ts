import { Migration } from '@mikro-orm/migrations';

/** Projects with their limits, API keys, request windows, and the signatures of the replay store. */
export class ProjectAuthMigration extends Migration {
  override up(): void {
    this.addSql(`create schema if not exists nft_metadata`);

    // A limit that is null is the deployment's default; 0 blocks every request.
    this.addSql(`
      create table nft_metadata.projects (
        id text primary key,
        name text not null,
        owner_address text not null unique check (owner_address ~ '^0x[0-9a-f]{40}$'),
        requests_per_second integer check (requests_per_second >= 0),
        tokens_per_request integer check (tokens_per_request >= 0),
        tokens_per_hour integer check (tokens_per_hour >= 0),
        created_at timestamptz not null default now()
      )`);

    // The key itself is not stored: hash is its SHA-256, and prefix is the part that may be shown.
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

    // Unlogged: a count of one second is not worth its write-ahead log, and a crash may lose it.
    this.addSql(`
      create unlogged table nft_metadata.request_windows (
        key text primary key,
        started_at timestamptz not null,
        hits integer not null check (hits >= 0)
      )`);

    // The primary key makes a signature valid once, whichever process receives it first.
    this.addSql(`
      create table nft_metadata.used_signatures (
        address text not null check (address ~ '^0x[0-9a-f]{40}$'),
        signed_at timestamptz not null,
        primary key (address, signed_at)
      )`);
    // Expired signatures are deleted by time.
    this.addSql(`create index used_signatures_signed_at on nft_metadata.used_signatures (signed_at)`);
  }

  override down(): void {
    this.addSql(`
      drop table nft_metadata.used_signatures, nft_metadata.request_windows, nft_metadata.api_keys,
        nft_metadata.projects`);
  }
}
