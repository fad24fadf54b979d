import { Migration } from '@mikro-orm/migrations';

/** Which completed refreshes a webhook receives. */
export class EventTriggersMigration extends Migration {
  override up(): void {
    this.addSql(`set local lock_timeout = '2s'`);
    // The default is what a project requests itself; a process of the previous release relies on it.
    this.addSql(`
      alter table nft_metadata.webhooks
        add column triggers text[] not null default '{api,partner_api,cli,retry}' check (cardinality(triggers) > 0)`);
  }

  override down(): void {
    this.addSql(`alter table nft_metadata.webhooks drop column triggers`);
  }
}
