import { Migration } from '@mikro-orm/migrations';

/** Refreshes, their chunks (the queue), results, errors and attempts, the hourly quota, and the metadata hosts that workers share. */
export class MetadataRefreshMigration extends Migration {
  override up(): void {
    this.addSql(`create schema if not exists nft_metadata`);

    // Numbers each fetch when its token is claimed. Of two results for one token, the larger number is the newer.
    this.addSql(`create sequence nft_metadata.fetch_seq`);

    // fillfactor: the counters of a refresh are updated while it runs; free space in the page makes these HOT updates.
    // The collection's address and source are copied: a later change of the collection counts for later refreshes.
    // accepted_seq is taken from the numbers of the fetches: a fetch with a larger number began after the acceptance.
    // traceparent: the span that accepted it, in the form of W3C Trace Context; null: it is not traced.
    this.addSql(`
      create table nft_metadata.refreshes (
        id uuid primary key,
        project_id text not null,
        collection_id uuid not null,
        collection_address text not null,
        source jsonb not null,
        accepted_seq bigint not null default nextval('nft_metadata.fetch_seq'),
        total integer not null check (total > 0),
        succeeded integer not null default 0,
        failed integer not null default 0,
        created_at timestamptz not null,
        completed_at timestamptz,
        traceparent text,
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

    // A lane holds one project's chunks for one metadata host: the unit of fairness. A claim serves the lane with the
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

    // The queue. A chunk holds tokens of one refresh that share a state. A claim moves due_at one lease ahead, so the
    // chunks of a worker that died are due again by themselves; claim_count is the fencing token of that claim. is_claimed
    // is true from the claim until every token of the chunk has a result or is released: a chunk that is due and still
    // claimed was lost. lost_count counts lost claims in a row. priority is the size of the refresh: 0 interactive, 1 small,
    // 2 large. Token ids ascend; "external": compressing so few numbers costs more than it saves.
    // The autovacuum setting keeps the index of the queue small: every chunk leaves it within minutes.
    this.addSql(`
      create table nft_metadata.refresh_chunks (
        id bigint generated always as identity primary key,
        refresh_id uuid not null references nft_metadata.refreshes (id) on delete cascade,
        lane_id integer not null references nft_metadata.lanes (id),
        priority smallint not null,
        due_at timestamptz not null,
        is_claimed boolean not null default false,
        claim_count integer not null default 0,
        lost_count integer not null default 0,
        attempt_count smallint not null default 0,
        token_ids numeric(78, 0)[] not null check (cardinality(token_ids) between 1 and 128),
        token_count smallint not null generated always as (cardinality(token_ids)) stored,
        first_token_id numeric(78, 0) not null generated always as (token_ids[1]) stored,
        last_token_id numeric(78, 0) not null generated always as (token_ids[cardinality(token_ids)]) stored
      ) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 200)`);
    this.addSql(`alter table nft_metadata.refresh_chunks alter column token_ids set storage external`);
    this.addSql(`
      create index refresh_chunks_due on nft_metadata.refresh_chunks (lane_id, priority, due_at, id)`);
    // What is being fetched now: a claim skips these tokens.
    this.addSql(`
      create index refresh_chunks_claimed on nft_metadata.refresh_chunks (lane_id, due_at) where is_claimed`);
    // The pending tokens of a refresh, in the order of their ids.
    this.addSql(`
      create index refresh_chunks_refresh on nft_metadata.refresh_chunks (refresh_id, last_token_id)`);

    // The receipt: one row for each token that is final. Rows are only appended. verdict: u updated, n unchanged,
    // s superseded by a later fetch, f failed, c cancelled. No foreign key: its check would cost more than the row, and
    // retention deletes in order. The columns of fixed width come first, so that no row has padding.
    this.addSql(`
      create table nft_metadata.refresh_results (
        refresh_id uuid not null,
        finished_at timestamptz not null,
        metadata_version integer,
        attempts smallint not null,
        verdict "char" not null check (verdict in ('u', 'n', 's', 'f', 'c')),
        token_id numeric(78, 0) not null,
        primary key (refresh_id, token_id)
      )`);
    this.addSql(`
      create index refresh_results_verdict
      on nft_metadata.refresh_results (refresh_id, verdict, token_id) where verdict not in ('u', 'n')`);

    // Why a token failed or was cancelled. No foreign key, as above.
    this.addSql(`
      create table nft_metadata.refresh_errors (
        id bigint generated always as identity primary key,
        refresh_id uuid not null,
        token_id numeric(78, 0) not null,
        metadata_url text not null,
        status_code integer,
        body text,
        error_code text not null check (error_code in (
          'unable_to_retrieve_metadata', 'invalid_response_status_code', 'unable_to_decode_response', 'token_not_found'
        )),
        reason text not null,
        created_at timestamptz not null,
        unique (refresh_id, token_id)
      )`);
    this.addSql(`
      create index refresh_errors_page on nft_metadata.refresh_errors (refresh_id, created_at desc, id desc)`);
    // How many tokens of a refresh failed for each reason, with the first of them. error_code: some reasons have two.
    this.addSql(`
      create index refresh_errors_reason
      on nft_metadata.refresh_errors (refresh_id, reason, token_id) include (error_code)`);

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

    // No claim takes tokens of a host before its cooldown is over.
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
        nft_metadata.refresh_attempts, nft_metadata.refresh_errors, nft_metadata.refresh_results,
        nft_metadata.refresh_chunks, nft_metadata.lanes, nft_metadata.refreshes`);
    this.addSql(`drop sequence nft_metadata.fetch_seq`);
  }
}
