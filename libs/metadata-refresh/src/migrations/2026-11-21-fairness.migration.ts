import { Migration } from '@mikro-orm/migrations';

/** Small requests before large ones, one fetch for a token that several refreshes want, and hosts that are shared politely. */
export class FairnessMigration extends Migration {
  override up(): void {
    // Whoever comes after a waiting `alter table` waits behind it: rather fail, and be tried again, than hold up all.
    this.addSql(`set local lock_timeout = '2s'`);
    // The defaults are what an older process writes: an item of a large refresh, never handed back.
    this.addSql(`
      alter table nft_metadata.refresh_items
        add column priority smallint not null default 2,
        add column release_count integer not null default 0`);
    this.addSql(`
      alter table nft_metadata.lanes add column host_concurrency integer check (host_concurrency between 1 and 1000)`);
    this.addSql(`set local lock_timeout to default`);
    this.addSql(`create index lanes_host on nft_metadata.lanes (host)`);
    this.addSql(`
      create table nft_metadata.metadata_hosts (
        host text primary key,
        cooling_until timestamptz not null default '-infinity'
      )`);
    // Which workers are asking which hosts now: they share what a host takes at once.
    this.addSql(`
      create table nft_metadata.host_workers (
        host text not null,
        worker_id uuid not null,
        joined_at timestamptz not null,
        seen_at timestamptz not null,
        primary key (host, worker_id)
      ) with (fillfactor = 50)`);
  }

  override down(): void {
    this.addSql(`drop table nft_metadata.host_workers, nft_metadata.metadata_hosts`);
    this.addSql(`drop index nft_metadata.lanes_host`);
    this.addSql(`alter table nft_metadata.lanes drop column host_concurrency`);
    this.addSql(`alter table nft_metadata.refresh_items drop column priority, drop column release_count`);
  }
}
