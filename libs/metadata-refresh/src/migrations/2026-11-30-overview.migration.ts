import { Migration } from '@mikro-orm/migrations';

/** What operators and partners look at: lists over all projects, failures by time, and what metadata hosts have answered. */
export class OverviewMigration extends Migration {
  override up(): void {
    this.addSql(`set local lock_timeout = '2s'`);
    // The refreshes of all projects, newest first; a page merges those of its triggers. And those that run, which are few.
    this.addSql(`create index refreshes_newest on nft_metadata.refreshes (trigger, created_at desc, id desc)`);
    this.addSql(`
      create index refreshes_running on nft_metadata.refreshes (created_at desc, id desc) where completed_at is null`);
    // The failures of all refreshes, newest first.
    this.addSql(`create index refresh_errors_newest on nft_metadata.refresh_errors (created_at desc, id desc)`);

    // Chunks whose worker did not report back: few.
    this.addSql(`create index refresh_chunks_lost on nft_metadata.refresh_chunks (refresh_id) where lost_count > 0`);

    // host_concurrency: the limit that an operator has set for the host, above those of its lanes; null: none.
    this.addSql(`
      alter table nft_metadata.metadata_hosts
        add column host_concurrency integer check (host_concurrency between 1 and 1000),
        add column first_used_at timestamptz`);
    // What the worker uses of the host, as of its last heartbeat. No index has these columns: a heartbeat stays a HOT update.
    this.addSql(`
      alter table nft_metadata.host_workers
        add column share smallint not null default 0,
        add column allowed smallint not null default 0,
        add column in_flight smallint not null default 0`);

    // One row for each worker process. stopped_at: it has said goodbye.
    this.addSql(`
      create table nft_metadata.refresh_workers (
        worker_id uuid primary key,
        name text not null,
        version text not null,
        started_at timestamptz not null,
        last_heartbeat_at timestamptz not null,
        stopped_at timestamptz
      ) with (fillfactor = 50)`);

    // How a host responded in one minute, over all workers. Scanning attempts for it would take seconds. outcome: `fetched`,
    // `not_modified`, or the reason of a failure. durations: how many responses took how long; element n + 1 counts those of up to
    // 2^(n/2) milliseconds.
    this.addSql(`
      create table nft_metadata.refresh_host_minutes (
        host text not null,
        minute timestamptz not null,
        outcome text not null,
        responses integer not null check (responses > 0),
        total_ms bigint not null,
        durations integer[] not null,
        primary key (host, minute, outcome)
      ) with (fillfactor = 50)`);
    this.addSql(`create index refresh_host_minutes_minute on nft_metadata.refresh_host_minutes (minute)`);

    // The cooldowns that hosts have asked for. until_at: as it was when it began; a later response may have extended it.
    this.addSql(`
      create table nft_metadata.host_cooldowns (
        id bigint generated always as identity primary key,
        host text not null,
        started_at timestamptz not null,
        until_at timestamptz not null,
        reason text not null
      )`);
    this.addSql(`create index host_cooldowns_host on nft_metadata.host_cooldowns (host, started_at desc)`);
  }

  override down(): void {
    this.addSql(`
      drop table nft_metadata.host_cooldowns, nft_metadata.refresh_host_minutes, nft_metadata.refresh_workers`);
    this.addSql(`
      alter table nft_metadata.host_workers drop column share, drop column allowed, drop column in_flight`);
    this.addSql(`
      alter table nft_metadata.metadata_hosts drop column host_concurrency, drop column first_used_at`);
    this.addSql(`
      drop index nft_metadata.refreshes_newest, nft_metadata.refreshes_running, nft_metadata.refresh_errors_newest,
        nft_metadata.refresh_chunks_lost`);
  }
}
