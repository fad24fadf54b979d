import { EntityManager } from '@mikro-orm/postgresql';
import { inTransaction } from '@app/token-store';
import { Inject, Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import { METADATA_REFRESH_CONFIG, type MetadataRefreshConfig } from './metadata-refresh.options.js';

/** Refreshes that one statement removes, when their items are gone. */
const REFRESHES_AT_ONCE = 1000;
/** Items that one statement removes, with their errors. A refresh may have any number. */
const ITEMS_AT_ONCE = 5000;
/** Attempts that one statement removes. */
const ATTEMPTS_AT_ONCE = 5000;

/** Before the first token id. */
const NO_TOKEN = '-1';

interface OldRefresh {
  id: string;
  completedAt: string;
}

/**
 * Removes old refreshes with their items and errors, and old attempts, so that tables stop growing. In short statements,
 * each of which goes on where the one before it ended: what was removed stays in the indexes until it is vacuumed, and
 * who began at the front again would walk over all of it.
 */
@Injectable()
export class RefreshRetention {
  constructor(
    private readonly em: EntityManager,
    @Inject(METADATA_REFRESH_CONFIG) private readonly config: MetadataRefreshConfig,
  ) {}

  /**
   * Returns how many were removed. Any number of processes may do so at once. Attempts go also when refreshes cannot;
   * then it throws afterwards.
   */
  async removeOld(): Promise<{ refreshes: number; attempts: number }> {
    const removed = { refreshes: 0, attempts: 0 };
    try {
      removed.refreshes = await this.removeRefreshes();
    } finally {
      removed.attempts = await this.removeAttempts();
    }
    return removed;
  }

  private async removeRefreshes(): Promise<number> {
    let removed = 0;
    for (let last: OldRefresh | undefined; ;) {
      const old = await this.oldRefreshes(last);
      removed += await this.removeWithItems(old.map(({ id }) => id));
      last = old.at(-1);
      if (old.length < REFRESHES_AT_ONCE) return removed;
    }
  }

  /** The oldest ones after `last`. */
  private async oldRefreshes(last?: OldRefresh): Promise<OldRefresh[]> {
    const after = last ? sql`and (completed_at, id) > (${last.completedAt}::timestamptz, ${last.id}::uuid)` : sql``;
    const { rows } = await sql<OldRefresh>`
      select id, completed_at::text as "completedAt" from nft_metadata.refreshes
      where completed_at < now() - ${this.config.keepRefreshesDays} * interval '1 day' ${after}
      order by completed_at, id
      limit ${REFRESHES_AT_ONCE}`.execute(this.em.fork().getKysely());
    return rows;
  }

  /**
   * Refresh by refresh, and in each by token. Within a refresh a statement begins one statement back: who finds a removed
   * row in an index marks it there, and the removal of the refresh itself passes over all of them.
   */
  private async removeWithItems(refreshIds: readonly string[]): Promise<number> {
    let removed = 0;
    for (let [left, after, lastToken] = [refreshIds, NO_TOKEN, NO_TOKEN]; left.length > 0;) {
      const end = await inTransaction(this.em, (em) => this.removeItems(em, left, after));
      const passed = end ? left.slice(0, end.position) : left;
      if (passed.length > 0) removed += await inTransaction(this.em, (em) => this.removeEmpty(em, passed));
      if (!end) return removed;
      [left, after, lastToken] = [left.slice(end.position), end.position === 0 ? lastToken : NO_TOKEN, end.tokenId];
    }
    return removed;
  }

  /** Returns where it ended, if there may be more. */
  private async removeItems(
    em: EntityManager,
    refreshIds: readonly string[],
    after: string,
  ): Promise<{ position: number; tokenId: string } | undefined> {
    await this.useIndexes(em);
    const { rows } = await sql<{ removed: number; position: number; tokenId: string }>`
      with removed as (
        delete from nft_metadata.refresh_items where id = any(array(
          select item.id
          from unnest(${refreshIds}::uuid[]) with ordinality as refresh (id, position)
          cross join lateral (
            select id from nft_metadata.refresh_items
            where refresh_id = refresh.id
              and token_id > case position when 1 then ${after} else ${NO_TOKEN} end::numeric
            order by token_id
            limit ${ITEMS_AT_ONCE}
            for update skip locked
          ) as item
          order by position
          limit ${ITEMS_AT_ONCE}
        ))
        returning refresh_id, token_id
      )
      select count(*) over ()::int as removed, array_position(${refreshIds}::uuid[], refresh_id) - 1 as position,
        token_id::text as "tokenId"
      from removed
      order by position desc, token_id desc
      limit 1`.execute(em.getKysely());
    return rows[0]?.removed === ITEMS_AT_ONCE ? rows[0] : undefined;
  }

  /** Those with items left are being removed by another process, which comes to them as well. */
  private async removeEmpty(em: EntityManager, refreshIds: readonly string[]): Promise<number> {
    await this.useIndexes(em);
    const { numAffectedRows = 0n } = await sql`
      delete from nft_metadata.refreshes where id = any(array(
        select id from nft_metadata.refreshes as refresh
        -- Row by row: as "not exists" it may be joined with all items there are.
        where id = any(${refreshIds}::uuid[])
          and (select true from nft_metadata.refresh_items where refresh_id = refresh.id limit 1) is null
        for update skip locked
      ))`.execute(em.getKysely());
    return Number(numAffectedRows);
  }

  /**
   * Until the end of the transaction, and one row after the other. The planner expects refreshes of usual size: it would
   * sort all the items of a large one for each few of them, and look through the whole table for one that has none.
   */
  private async useIndexes(em: EntityManager): Promise<void> {
    await sql`select set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true)`.execute(
      em.getKysely(),
    );
  }

  /** Ids are in order of time, so the oldest are the first. */
  private async removeAttempts(): Promise<number> {
    let removed = 0;
    for (let last = '0'; ;) {
      const { rows } = await sql<{ removed: number; last: string }>`
        with removed as (
          delete from nft_metadata.refresh_attempts where id = any(array(
            select id from (
              select id, attempted_at from nft_metadata.refresh_attempts
              where id > ${last}::bigint
              order by id
              limit ${ATTEMPTS_AT_ONCE}
              for update skip locked
            ) as oldest
            where attempted_at < now() - ${this.config.keepAttemptsDays} * interval '1 day'
          ))
          returning id
        )
        select count(*)::int as removed, max(id)::text as last from removed`.execute(this.em.fork().getKysely());
      const [end] = rows;
      removed += end!.removed;
      if (end!.removed < ATTEMPTS_AT_ONCE) return removed;
      last = end!.last;
    }
  }
}
