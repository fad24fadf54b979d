import { Migration } from '@mikro-orm/migrations';

/** Webhooks that receive the refreshes of operators also receive those that operators request on the console. */
export class ConsoleTriggerMigration extends Migration {
  override up(): void {
    this.addSql(`set local lock_timeout = '2s'`);
    this.addSql(`
      alter table nft_metadata.webhooks
        alter column triggers set default '{api,partner_api,cli,console,retry}'`);
    this.addSql(`
      update nft_metadata.webhooks
      set triggers = triggers[:array_position(triggers, 'cli')] || 'console'::text
        || triggers[array_position(triggers, 'cli') + 1:]
      where 'cli' = any(triggers)`);
  }

  override down(): void {
    this.addSql(`
      update nft_metadata.webhooks
      set triggers = case
        when 'cli' = any(triggers) then array_remove(triggers, 'console')
        else array_replace(triggers, 'console', 'cli')
      end
      where 'console' = any(triggers)`);
    this.addSql(`
      alter table nft_metadata.webhooks
        alter column triggers set default '{api,partner_api,cli,retry}'`);
  }
}
