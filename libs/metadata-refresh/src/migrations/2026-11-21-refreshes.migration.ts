import { Migration } from '@mikro-orm/migrations';

/** Refreshes, their items (which are the queue), lanes, errors, and the hourly quota. */
export class RefreshesMigration extends Migration {
  override up(): void {
    this.addSql(`create schema if not exists nft_metadata`);
    this.addSql(`create sequence nft_metadata.fetch_seq`);

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
    this.addSql(`create index refreshes_project on nft_metadata.refreshes (project_id, created_at desc, id desc)`);
    this.addSql(
      `create index refreshes_collection on nft_metadata.refreshes (project_id, collection_address, created_at desc, id desc)`,
    );

    this.addSql(
      `create index refreshes_completed on nft_metadata.refreshes (completed_at) where completed_at is not null`,
    );

    // A lane is one project's items for one metadata host: the unit of fairness.
    this.addSql(`
      create table nft_metadata.lanes (
        id integer generated always as identity primary key,
        project_id text not null,
        host text not null,
        served_at timestamptz not null default '-infinity',
        cooling_until timestamptz,
        unique (project_id, host)
      ) with (fillfactor = 50)`);

    this.addSql(`
      create table nft_metadata.refresh_items (
        id bigint generated always as identity primary key,
        refresh_id uuid not null references nft_metadata.refreshes (id) on delete cascade,
        lane_id integer not null references nft_metadata.lanes (id),
        token_id numeric(78, 0) not null,
        status text not null default 'pending' check (status in ('pending', 'succeeded', 'failed')),
        due_at timestamptz not null,
        claim_count integer not null default 0,
        attempt_count smallint not null default 0,
        finished_at timestamptz,
        unique (refresh_id, token_id),
        check ((status = 'pending') = (finished_at is null))
      ) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02)`);
    // Only pending items: the cost of a claim does not grow with what is finished, or with another lane's backlog.
    this.addSql(
      `create index refresh_items_due on nft_metadata.refresh_items (lane_id, due_at, id) where status = 'pending'`,
    );

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
    this.addSql(
      `create index refresh_errors_page on nft_metadata.refresh_errors (refresh_id, created_at desc, item_id desc)`,
    );

    this.addSql(`
      create table nft_metadata.refresh_quotas (
        project_id text primary key,
        window_started_at timestamptz not null,
        used integer not null check (used >= 0)
      )`);
  }

  override down(): void {
    this.addSql(`
      drop table nft_metadata.refresh_quotas, nft_metadata.refresh_errors, nft_metadata.refresh_items,
        nft_metadata.lanes, nft_metadata.refreshes`);
    this.addSql(`drop sequence nft_metadata.fetch_seq`);
  }
}
