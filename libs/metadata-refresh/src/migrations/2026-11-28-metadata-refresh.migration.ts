import { Migration } from '@mikro-orm/migrations';

/** Refreshes, their items (the queue), errors and attempts, the hourly quota, and the metadata hosts that workers share. */
export class MetadataRefreshMigration extends Migration {
  override up(): void {
    this.addSql(`create schema if not exists nft_metadata`);

    // Numbers each fetch when its token is claimed. Of two results for one token, the larger number is the newer.
    this.addSql(`create sequence nft_metadata.fetch_seq`);

    // fillfactor: the counters of a refresh are updated while it runs; free space in the page makes these HOT updates.
    // The collection's address and source are copied: a later change of the collection counts for later refreshes.
    this.addSql(`
      create table nft_metadata.refreshes (
        id uuid primary key,
        project_id text not null,
        collection_id uuid not null,
        collection_address text not null,
        source jsonb not null,
        total integer not null check (total > 0),
        succeeded integer not null default 0,
        failed integer not null default 0,
        created_at timestamptz not null,
        completed_at timestamptz,
        check (succeeded >= 0 and failed >= 0 and succeeded + failed <= total),
        check ((completed_at is not null) = (succeeded + failed = total))
      ) with (fillfactor = 80)`);
    // The pages of a project's refreshes, all or of one collection, newest first.
    this.addSql(`create index refreshes_project on nft_metadata.refreshes (project_id, created_at desc, id desc)`);
    this.addSql(`
      create index refreshes_collection
      on nft_metadata.refreshes (project_id, collection_address, created_at desc, id desc)`);
    // Retention deletes completed refreshes, oldest first.
    this.addSql(`
      create index refreshes_completed on nft_metadata.refreshes (completed_at) where completed_at is not null`);

    // A lane holds one project's items for one metadata host: the unit of fairness. A claim serves the lane with the
    // oldest served_at. host_concurrency is null for the deployment's default.
    this.addSql(`
      create table nft_metadata.lanes (
        id integer generated always as identity primary key,
        project_id text not null,
        host text not null,
        served_at timestamptz not null default '-infinity',
        host_concurrency integer check (host_concurrency between 1 and 1000),
        unique (project_id, host)
      ) with (fillfactor = 50)`);
    // All lanes of one host, for the smallest host_concurrency among them.
    this.addSql(`create index lanes_host on nft_metadata.lanes (host)`);

    // An item is one token of one refresh. A claim moves due_at one lease ahead, so the items of a worker that died are
    // due again by themselves; claim_count is the fencing token of that claim. release_count counts claims that ended
    // without an attempt. priority is the size of the refresh: 0 interactive, 1 small, 2 large.
    // The autovacuum setting keeps the index of pending items small: every item leaves it within minutes.
    this.addSql(`
      create table nft_metadata.refresh_items (
        id bigint generated always as identity primary key,
        refresh_id uuid not null references nft_metadata.refreshes (id) on delete cascade,
        lane_id integer not null references nft_metadata.lanes (id),
        token_id numeric(78, 0) not null,
        priority smallint not null default 2,
        status text not null default 'pending' check (status in ('pending', 'succeeded', 'failed')),
        due_at timestamptz not null,
        claim_count integer not null default 0,
        release_count integer not null default 0,
        attempt_count smallint not null default 0,
        finished_at timestamptz,
        unique (refresh_id, token_id),
        check ((status = 'pending') = (finished_at is null))
      ) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02)`);
    // Only pending items: the cost of a claim grows neither with finished items nor with the backlog of another lane.
    this.addSql(`
      create index refresh_items_due
      on nft_metadata.refresh_items (lane_id, priority, due_at, id) where status = 'pending'`);
    // Other pending items of the same token, which one fetch completes together.
    this.addSql(`
      create index refresh_items_token on nft_metadata.refresh_items (token_id, lane_id) where status = 'pending'`);
    // PostgreSQL analyses a table while nobody writes, and then no item is pending. With statistics, the planner would
    // conclude that none ever is, take any index for as good as another, and read all pending items for each token.
    // Without statistics it assumes a small part of the table.
    this.addSql(`alter table nft_metadata.refresh_items alter column status set statistics 0`);

    this.addSql(`
      create table nft_metadata.refresh_errors (
        item_id bigint primary key references nft_metadata.refresh_items (id) on delete cascade,
        refresh_id uuid not null,
        token_id numeric(78, 0) not null,
        metadata_url text not null,
        status_code integer,
        body text,
        error_code text not null check (error_code in (
          'unable_to_retrieve_metadata', 'invalid_response_status_code', 'unable_to_decode_response', 'token_not_found'
        )),
        reason text not null,
        created_at timestamptz not null
      )`);
    this.addSql(`
      create index refresh_errors_page on nft_metadata.refresh_errors (refresh_id, created_at desc, item_id desc)`);

    // One row for each request of an attempt. No foreign keys: rows are deleted by age, independently of refreshes and
    // tokens. Ids increase with time, so that deletion needs no index of its own.
    this.addSql(`
      create table nft_metadata.refresh_attempts (
        id bigint generated always as identity primary key,
        collection_id uuid not null,
        token_id numeric(78, 0) not null,
        refresh_id uuid not null,
        attempt smallint not null check (attempt > 0),
        url text not null,
        outcome text not null check (outcome in (
          'fetched', 'not_modified', 'unreachable', 'bad_status', 'undecodable', 'no_token'
        )),
        status_code integer,
        reason text,
        duration_ms integer not null,
        bytes integer not null,
        attempted_at timestamptz not null
      )`);
    this.addSql(`
      create index refresh_attempts_token on nft_metadata.refresh_attempts (collection_id, token_id, id desc)`);

    this.addSql(`
      create table nft_metadata.refresh_quotas (
        project_id text primary key,
        window_started_at timestamptz not null,
        used integer not null check (used >= 0)
      )`);

    // No claim takes items of a host before its cooldown is over.
    this.addSql(`
      create table nft_metadata.metadata_hosts (
        host text primary key,
        cooldown_until timestamptz not null default '-infinity'
      )`);
    // The workers that send requests to a host now; they share its host_concurrency. Each sends a heartbeat every second:
    // fillfactor makes that a HOT update.
    this.addSql(`
      create table nft_metadata.host_workers (
        host text not null,
        worker_id uuid not null,
        joined_at timestamptz not null,
        last_heartbeat_at timestamptz not null,
        primary key (host, worker_id)
      ) with (fillfactor = 50)`);
  }

  override down(): void {
    this.addSql(`
      drop table nft_metadata.host_workers, nft_metadata.metadata_hosts, nft_metadata.refresh_quotas,
        nft_metadata.refresh_attempts, nft_metadata.refresh_errors, nft_metadata.refresh_items, nft_metadata.lanes,
        nft_metadata.refreshes`);
    this.addSql(`drop sequence nft_metadata.fetch_seq`);
  }
}
