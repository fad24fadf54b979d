import { Migration } from '@mikro-orm/migrations';

/** Search rows of many tokens are found by their key, also where statistics are of small collections. */
export class SearchRowStatisticsMigration extends Migration {
  override up(): void {
    this.addSql(`set local lock_timeout = '2s'`);
    // From the next analysis on. Three indexes begin with the collection, and a look-up for each token of a batch must use the key. Where
    // statistics are of collections with one token each, the planner expects one row of each collection, takes any of the three, and
    // reads all rows of a large collection for each token. This number is what it assumes without statistics, about.
    this.addSql(`alter table nft_metadata.token_search alter column collection_id set (n_distinct = 100)`);
  }

  override down(): void {
    this.addSql(`alter table nft_metadata.token_search alter column collection_id reset (n_distinct)`);
  }
}
