import { Migration } from '@mikro-orm/migrations';

/** What the console keeps: the secret that signs its sessions, and the log of what people did on it. */
export class ConsoleMigration extends Migration {
  override up(): void {
    // Exactly one row.
    this.addSql(`
      create table nft_metadata.console_secret (
        is_only boolean primary key default true check (is_only),
        secret bytea not null check (length(secret) >= 32)
      )`);

    // project_id: whose things were changed; null: those of no project, such as a metadata host. Ids increase with time, so that
    // deletion needs no index of its own.
    this.addSql(`
      create table nft_metadata.console_actions (
        id bigint generated always as identity primary key,
        acted_at timestamptz not null,
        who text not null,
        project_id text,
        action text not null,
        target text not null,
        outcome text not null
      )`);
  }

  override down(): void {
    this.addSql(`drop table nft_metadata.console_actions, nft_metadata.console_secret`);
  }
}
