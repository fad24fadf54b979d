import { Migration } from '@mikro-orm/migrations';

/** Limits by project, the windows that count requests, and signatures that were used once. */
export class LimitsMigration extends Migration {
  override up(): void {
    // Whoever comes after a waiting `alter table` waits behind it: rather fail, and be tried again, than hold up all.
    this.addSql(`set local lock_timeout = '2s'`);
    this.addSql(`
      alter table nft_metadata.projects
        add column requests_per_second integer check (requests_per_second >= 0),
        add column tokens_per_request integer check (tokens_per_request >= 0)`);
    this.addSql(`set local lock_timeout to default`);
    // Unlogged: a second's count is not worth its write-ahead log, and a crash may forget it.
    this.addSql(`
      create unlogged table nft_metadata.request_windows (
        key text primary key,
        started_at timestamptz not null,
        hits integer not null check (hits >= 0)
      )`);
    this.addSql(`
      create table nft_metadata.used_signatures (
        address text not null check (address ~ '^0x[0-9a-f]{40}$'),
        signed_at timestamptz not null,
        primary key (address, signed_at)
      )`);
    this.addSql(`create index used_signatures_signed_at on nft_metadata.used_signatures (signed_at)`);
  }

  override down(): void {
    this.addSql(`drop table nft_metadata.used_signatures, nft_metadata.request_windows`);
    this.addSql(`alter table nft_metadata.projects drop column requests_per_second, drop column tokens_per_request`);
  }
}
