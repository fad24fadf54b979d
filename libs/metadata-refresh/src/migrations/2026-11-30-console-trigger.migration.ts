import { Migration } from '@mikro-orm/migrations';

/** The trigger `console`: refreshes that operators request on the console. */
export class ConsoleTriggerMigration extends Migration {
  override up(): void {
    this.addSql(`set local lock_timeout = '2s'`);
    // The rows that are there satisfy it: they satisfy the narrower one.
    this.addSql(`
      alter table nft_metadata.refreshes
        drop constraint refreshes_trigger_check,
        add constraint refreshes_trigger_check check (trigger in (
          'api', 'partner_api', 'cli', 'console', 'retry', 'reveal', 'schedule', 'event', 'push', 'restore'
        )) not valid`);
  }

  override down(): void {
    this.addSql(`update nft_metadata.refreshes set trigger = 'cli' where trigger = 'console'`);
    this.addSql(`
      alter table nft_metadata.refreshes
        drop constraint refreshes_trigger_check,
        add constraint refreshes_trigger_check check (trigger in (
          'api', 'partner_api', 'cli', 'retry', 'reveal', 'schedule', 'event', 'push', 'restore'
        ))`);
  }
}
