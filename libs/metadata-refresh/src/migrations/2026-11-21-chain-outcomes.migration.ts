import { Migration } from '@mikro-orm/migrations';

/** What an attempt at a token of a contract can end in besides. */
export class ChainOutcomesMigration extends Migration {
  override up(): void {
    this.addSql(`set local lock_timeout = '2s'`);
    // "not valid": what is there was checked by the narrower rule, and need not be read again while everybody waits.
    this.addSql(`
      alter table nft_metadata.refresh_attempts
        drop constraint refresh_attempts_outcome_check,
        add constraint refresh_attempts_outcome_check check (
          outcome in ('fetched', 'not_modified', 'unreachable', 'bad_status', 'undecodable', 'no_token')
        ) not valid`);
    this.addSql(`set local lock_timeout to default`);
  }

  override down(): void {
    this.addSql(`delete from nft_metadata.refresh_attempts where outcome = 'no_token'`);
    this.addSql(`
      alter table nft_metadata.refresh_attempts
        drop constraint refresh_attempts_outcome_check,
        add constraint refresh_attempts_outcome_check check (
          outcome in ('fetched', 'not_modified', 'unreachable', 'bad_status', 'undecodable')
        )`);
  }
}
