import { Migration } from '@mikro-orm/migrations';

/** What was tried for a token: a row for each request. */
export class AttemptsMigration extends Migration {
  override up(): void {
    // No foreign keys: attempts are removed by age, whatever became of what they belong to. In order of id they are in
    // order of time, so that the removal needs no index of its own.
    this.addSql(`
      create table nft_metadata.refresh_attempts (
        id bigint generated always as identity primary key,
        collection_id uuid not null,
        token_id numeric(78, 0) not null,
        refresh_id uuid not null,
        attempt smallint not null check (attempt > 0),
        url text not null,
        outcome text not null check (outcome in ('fetched', 'not_modified', 'unreachable', 'bad_status', 'undecodable')),
        status_code integer,
        reason text,
        duration_ms integer not null,
        bytes integer not null,
        attempted_at timestamptz not null
      )`);
    this.addSql(
      `create index refresh_attempts_token on nft_metadata.refresh_attempts (collection_id, token_id, id desc)`,
    );
  }

  override down(): void {
    this.addSql(`drop table nft_metadata.refresh_attempts`);
  }
}
