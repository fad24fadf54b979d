import { Migration } from '@mikro-orm/migrations';

/** Verdicts and reasons of a refresh, its control, selections that begin later, and idempotency keys. */
export class RefreshControlMigration extends Migration {
  override up(): void {
    this.addSql(`set local lock_timeout = '2s'`);
    // trigger: what requested the refresh; trigger_detail: the event, for `event`. retry_of: the refresh whose failed tokens it
    // tries again. selection: what was selected instead of a list of tokens.
    // not_before: it begins then, and begun_at says when it did; both are null when it began at once.
    // tokens_per_hour: the limit of the hour in which it begins later; null: it is not charged then.
    // charged: tokens that count towards the quota of the project which began at charged_window.
    // sweep_due_at: when the sweep looks at the refresh next, because it begins, is paused, resumed or cancelled; null: never.
    // speed_since and speed_from: the time from which the speed is measured, and how many tokens had a result then. The next two
    // are where the next measurement starts.
    // The counters of verdicts: `updated` is what is left of `succeeded`.
    this.addSql(`
      alter table nft_metadata.refreshes
        add column unchanged integer not null default 0,
        add column superseded integer not null default 0,
        add column held integer not null default 0,
        add column staged integer not null default 0,
        add column cancelled integer not null default 0,
        add column trigger text not null default 'api' check (trigger in (
          'api', 'partner_api', 'cli', 'retry', 'reveal', 'schedule', 'event', 'push', 'restore'
        )),
        add column trigger_detail jsonb,
        add column retry_of uuid,
        add column selection jsonb,
        add column not_before timestamptz,
        add column begun_at timestamptz,
        add column tokens_per_hour integer,
        add column paused_at timestamptz,
        add column cancelled_at timestamptz,
        add column charged integer not null default 0 check (charged >= 0),
        add column charged_window timestamptz,
        add column sweep_due_at timestamptz,
        add column speed_since timestamptz,
        add column speed_from integer,
        add column speed_next_since timestamptz,
        add column speed_next_from integer,
        drop constraint refreshes_check,
        drop constraint refreshes_check1,
        add constraint refreshes_counters_check check (
          succeeded >= 0 and failed >= 0 and cancelled >= 0 and succeeded + failed + cancelled <= total
            and unchanged >= 0 and superseded >= 0 and held >= 0 and staged >= 0
            and unchanged + superseded + held + staged <= succeeded
        ),
        add constraint refreshes_completed_check check (
          (completed_at is not null) = (succeeded + failed + cancelled = total)
        )`);
    // The pages of a project's refreshes, all or of one collection, newest first, by trigger: a page merges those of its triggers,
    // and does not read those of others, such as thousands of events.
    this.addSql(`drop index nft_metadata.refreshes_project, nft_metadata.refreshes_collection`);
    this.addSql(`
      create index refreshes_project on nft_metadata.refreshes (project_id, trigger, created_at desc, id desc)`);
    this.addSql(`
      create index refreshes_collection
      on nft_metadata.refreshes (project_id, collection_address, trigger, created_at desc, id desc)`);
    // What waits for its time, and what the sweep has to look at: few rows, which are read once a second.
    this.addSql(`
      create index refreshes_scheduled on nft_metadata.refreshes (not_before)
      where not_before is not null and begun_at is null and completed_at is null`);
    this.addSql(`
      create index refreshes_sweep on nft_metadata.refreshes (sweep_due_at)
      where num_nulls(completed_at) = 1 and sweep_due_at is not null`);

    // is_paused: the refresh is paused, or has not begun. due_at survives. priority 3, low: claimed when nothing else of the lane is due.
    this.addSql(`alter table nft_metadata.refresh_chunks add column is_paused boolean not null default false`);
    this.addSql(`drop index nft_metadata.refresh_chunks_due`);
    this.addSql(`
      create index refresh_chunks_due on nft_metadata.refresh_chunks (lane_id, priority, due_at, id) where not is_paused`);

    // Further verdicts: h held (the record is kept as it is until a time), t staged (for a reveal).
    this.addSql(`
      alter table nft_metadata.refresh_results
        drop constraint refresh_results_verdict_check,
        add constraint refresh_results_verdict_check check (verdict in ('u', 'n', 's', 'f', 'c', 'h', 't'))`);

    // How many tokens of a refresh failed for each reason, and one of them, so that a status needs no scan of the errors.
    this.addSql(`
      create table nft_metadata.refresh_reasons (
        refresh_id uuid not null references nft_metadata.refreshes (id) on delete cascade,
        error_code text not null,
        reason text not null,
        count integer not null check (count > 0),
        example_token_id numeric(78, 0) not null,
        primary key (refresh_id, error_code, reason)
      ) with (fillfactor = 50)`);
    // Cancelled tokens had an error each, and counted as failed.
    this.addSql(`
      with cancelled as (
        delete from nft_metadata.refresh_errors where reason = 'cancelled' returning refresh_id
      ), counted as (
        select refresh_id, count(*) as tokens from cancelled group by refresh_id
      )
      update nft_metadata.refreshes as refresh
      set cancelled = counted.tokens, failed = refresh.failed - counted.tokens
      from counted where refresh.id = counted.refresh_id`);
    this.addSql(`
      insert into nft_metadata.refresh_reasons (refresh_id, error_code, reason, count, example_token_id)
      select refresh_id, error_code, reason, count(*), min(token_id)
      from nft_metadata.refresh_errors as error
      where exists (select from nft_metadata.refreshes where id = error.refresh_id)
      group by refresh_id, error_code, reason`);

    // The receipt of a request that may be sent again. A row is written in the transaction that accepts the refresh.
    this.addSql(`
      create table nft_metadata.idempotency_keys (
        project_id text not null,
        route text not null,
        key text not null check (length(key) between 1 and 255),
        body_hash text not null,
        refresh_id uuid not null,
        created_at timestamptz not null,
        primary key (project_id, route, key)
      )`);
    this.addSql(`create index idempotency_keys_created on nft_metadata.idempotency_keys (created_at)`);
  }

  override down(): void {
    this.addSql(`drop table nft_metadata.idempotency_keys, nft_metadata.refresh_reasons`);
    this.addSql(`
      insert into nft_metadata.refresh_errors (refresh_id, token_id, metadata_url, error_code, reason, created_at)
      select refresh_id, token_id, '', 'unable_to_retrieve_metadata', 'cancelled', finished_at
      from nft_metadata.refresh_results where verdict = 'c'`);
    this.addSql(`update nft_metadata.refresh_results set verdict = 's' where verdict in ('h', 't')`);
    this.addSql(`
      alter table nft_metadata.refresh_results
        drop constraint refresh_results_verdict_check,
        add constraint refresh_results_verdict_check check (verdict in ('u', 'n', 's', 'f', 'c'))`);
    this.addSql(`drop index nft_metadata.refresh_chunks_due`);
    this.addSql(`alter table nft_metadata.refresh_chunks drop column is_paused`);
    this.addSql(`
      create index refresh_chunks_due on nft_metadata.refresh_chunks (lane_id, priority, due_at, id)`);
    this.addSql(`
      drop index nft_metadata.refreshes_scheduled, nft_metadata.refreshes_sweep, nft_metadata.refreshes_project,
        nft_metadata.refreshes_collection`);
    this.addSql(`create index refreshes_project on nft_metadata.refreshes (project_id, created_at desc, id desc)`);
    this.addSql(`
      create index refreshes_collection
      on nft_metadata.refreshes (project_id, collection_address, created_at desc, id desc)`);
    this.addSql(`
      alter table nft_metadata.refreshes
        drop constraint refreshes_counters_check,
        drop constraint refreshes_completed_check`);
    this.addSql(`update nft_metadata.refreshes set failed = failed + cancelled where cancelled > 0`);
    this.addSql(`
      alter table nft_metadata.refreshes
        drop column unchanged, drop column superseded, drop column held, drop column staged, drop column cancelled,
        drop column trigger, drop column trigger_detail, drop column retry_of, drop column selection,
        drop column not_before, drop column begun_at, drop column tokens_per_hour, drop column paused_at, drop column cancelled_at,
        drop column charged, drop column charged_window, drop column sweep_due_at,
        drop column speed_since, drop column speed_from, drop column speed_next_since, drop column speed_next_from,
        add constraint refreshes_check check (succeeded >= 0 and failed >= 0 and succeeded + failed <= total),
        add constraint refreshes_check1 check ((completed_at is not null) = (succeeded + failed = total))`);
  }
}
