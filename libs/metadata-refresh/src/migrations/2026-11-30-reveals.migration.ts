import { Migration } from '@mikro-orm/migrations';

/** Reveals: documents that are fetched ahead, and published together. */
export class RevealsMigration extends Migration {
  override up(): void {
    this.addSql(`set local lock_timeout = '2s'`);
    // A collection has one open reveal at a time. Its state for readers (staging, staged, publishing) follows from `job` and from the
    // tokens of its refreshes that are pending. refresh_id: the refresh that stages it; retries of that one are in refreshes.reveal_id.
    // total: tokens of that refresh. staged: its tokens that have a staged document. job: what is to be done now. While there is one,
    // no token of the collection is claimed. due_at: when the reveal is looked at next; null: never. blocked_reason: why it could not
    // be published when its time had come, or when all tokens were processed. failures: of the job, in a row. updated and the next three:
    // what became of the staged documents. revert_hold_until: how the revert that was requested holds the records. revert_refresh_id: the
    // refresh with the receipt of a revert. revert_outcome: what became of the records that the reveal had changed.
    this.addSql(`
      create table nft_metadata.reveals (
        id uuid primary key,
        project_id text not null,
        collection_id uuid not null,
        collection_address text not null,
        refresh_id uuid not null unique,
        state text not null default 'open' check (state in ('open', 'published', 'reverted', 'cancelled', 'expired')),
        job text check (job in ('publish', 'revert')),
        publish text not null check (publish in ('manual', 'when_complete', 'at')),
        publish_at timestamptz,
        min_succeeded numeric not null check (min_succeeded > 0 and min_succeeded <= 1),
        total integer not null check (total > 0),
        staged integer not null default 0 check (staged >= 0),
        created_at timestamptz not null,
        expires_at timestamptz not null,
        ended_at timestamptz,
        due_at timestamptz,
        blocked_at timestamptz,
        blocked_reason text,
        failures integer not null default 0,
        updated integer,
        unchanged integer,
        superseded integer,
        missing integer,
        revert_hold_until timestamptz,
        reverted_at timestamptz,
        revert_refresh_id uuid,
        revert_outcome jsonb,
        check ((publish = 'at') = (publish_at is not null)),
        check ((state = 'open') = (ended_at is null)),
        check ((state = 'reverted') = (reverted_at is not null)),
        check ((reverted_at is null) = (revert_outcome is null) and (reverted_at is null) = (revert_refresh_id is null)),
        check ((blocked_at is null) = (blocked_reason is null))
      ) with (fillfactor = 80)`);
    this.addSql(`create unique index reveals_open on nft_metadata.reveals (collection_id) where state = 'open'`);
    this.addSql(`create index reveals_project on nft_metadata.reveals (project_id, created_at desc, id desc)`);
    // What is to be looked at: few rows, which are read once a second.
    this.addSql(`create index reveals_due on nft_metadata.reveals (due_at) where due_at is not null`);
    this.addSql(`create index reveals_job on nft_metadata.reveals (collection_id) where job is not null`);

    // The reveal for which it stages documents; null: it writes records.
    this.addSql(`alter table nft_metadata.refreshes add column reveal_id uuid`);
    this.addSql(`
      create index refreshes_reveal on nft_metadata.refreshes (reveal_id) where reveal_id is not null`);
    // The refreshes of a collection that claims pass over while its records are being replaced. The condition says that they are not
    // completed, in words of its own: a search for them must not be answered by another index.
    this.addSql(`
      create index refreshes_pending on nft_metadata.refreshes (collection_id) include (id)
      where coalesce(completed_at, 'infinity') = 'infinity'`);
  }

  override down(): void {
    this.addSql(`drop index nft_metadata.refreshes_pending`);
    this.addSql(`alter table nft_metadata.refreshes drop column reveal_id`);
    this.addSql(`drop table nft_metadata.reveals`);
  }
}
