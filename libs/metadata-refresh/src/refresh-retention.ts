import { EntityManager } from '@mikro-orm/postgresql';
import { describeDatabaseError, inTransaction, readInIndexOrder } from '@app/database';
import { Stacks, VersionStore, type DeletedVersions } from '@app/token-store';
import { ModuleLogger } from '@app/logging';
import { Inject, Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import { deleteExpiredReports } from './overview/report-retention.js';
import { deleteExpiredReceipts } from './admission/idempotency.js';
import { METADATA_REFRESH_CONFIG, type MetadataRefreshConfig } from './metadata-refresh.options.js';
import { RevealRetention } from './reveals/reveal-retention.js';

/** Refreshes that one statement deletes. */
const REFRESH_BATCH_SIZE = 1000;
/** Results that one statement deletes, with their errors. A refresh may have any number. */
const RESULT_BATCH_SIZE = 5000;
/** Attempts that one statement deletes. */
const ATTEMPT_BATCH_SIZE = 5000;
/** Receipts of idempotency keys that one statement deletes. */
const RECEIPT_BATCH_SIZE = 5000;

/** What one run of the retention has deleted. */
export interface DeletedRows extends DeletedVersions {
  refreshes: number;
  reveals: number;
  attempts: number;
  /** Without tokens. */
  stacks: number;
}

/**
 * The retention of this module: deletes expired refreshes (except those of open reveals) with their results and errors, expired reveals,
 * attempts, receipts and versions of tokens, and stacks without tokens, in short statements. No foreign key deletes results and errors:
 * they go before their refresh, or with it.
 */
@Injectable()
export class RefreshRetention {
  private readonly logger = new ModuleLogger('MetadataRefresh');

  constructor(
    private readonly em: EntityManager,
    private readonly versions: VersionStore,
    private readonly reveals: RevealRetention,
    private readonly stacks: Stacks,
    @Inject(METADATA_REFRESH_CONFIG) private readonly config: MetadataRefreshConfig,
  ) {}

  /**
   * Returns the number of deleted rows, and of documents of versions that are kept. Several processes may delete at the same time. If
   * the deletion of refreshes fails, attempts are deleted before it throws.
   */
  async deleteExpired(): Promise<DeletedRows> {
    const deleted = { refreshes: 0, reveals: 0, attempts: 0, stacks: 0, versions: 0, documents: 0 };
    try {
      deleted.refreshes = await this.deleteRefreshes();
      deleted.reveals = await this.reveals.deleteExpired(this.config.refreshRetentionDays);
    } finally {
      deleted.attempts = await this.deleteAttempts();
    }
    while ((await deleteExpiredReceipts(this.em.fork(), RECEIPT_BATCH_SIZE)) > 0);
    await deleteExpiredReports(this.em.fork());
    deleted.stacks = await this.stacks.deleteEmpty();
    return { ...deleted, ...(await this.deleteVersions()) };
  }

  /** For a schedule: `deleteExpired`, but logs what was deleted, or why nothing was, and does not throw. */
  async run(): Promise<void> {
    try {
      const deleted = await this.deleteExpired();
      if (Object.values(deleted).some((rows) => rows > 0))
        this.logger.log({ msg: 'expired refreshes deleted', ...deleted });
    } catch (error) {
      this.logger.warn({
        msg: 'expired refreshes not deleted; the next try is in an hour',
        error: describeDatabaseError(error),
      });
    }
  }

  /** Deletes one completed refresh with its results and errors, whatever its age. False: there is none. */
  async deleteRefresh(refreshId: string): Promise<boolean> {
    // Again until nothing is left: another process that was deleting some of them may have failed.
    while ((await this.deleteResults(refreshId)) > 0);
    return (await this.deleteRow(refreshId)) > 0;
  }

  /**
   * After the refreshes. A receipt shows what a version changed if the version was made after its refresh was accepted. Ids of refreshes
   * increase with time, up to the difference between the clocks of processes.
   */
  private async deleteVersions(): Promise<DeletedVersions> {
    const { rows } = await sql<{ citedSince: Date | string }>`
      select coalesce((select created_at from nft_metadata.refreshes order by id limit 1), now()) - interval '1 hour'
        as "citedSince"`.execute(this.em.fork().getKysely());
    return this.versions.deleteExpired({
      keep: this.config.keepVersions,
      citedSince: new Date(rows[0]!.citedSince),
    });
  }

  private async deleteRefreshes(): Promise<number> {
    for (let deleted = 0; ;) {
      const batch = await this.deleteBatch();
      deleted += batch;
      if (batch > 0) continue;
      // The oldest has more tokens than one statement may delete, or another process is deleting it.
      const next = await this.findOldest();
      if (next === undefined) return deleted;
      deleted += Number(await this.deleteRefresh(next));
    }
  }

  /**
   * Deletes the oldest refreshes whose results fit into one statement. "order by" makes the planner use the index of each
   * refresh; without it, it may scan the whole table where a few refreshes have most of the rows.
   */
  private async deleteBatch(): Promise<number> {
    const { numAffectedRows = 0n } = await sql`
      with chosen as materialized (
        select id from nft_metadata.refreshes where id = any(array(
          select id from (
            select id, sum(total) over (order by completed_at rows unbounded preceding) as results
            from (
              select id, total, completed_at from nft_metadata.refreshes
              where ${this.isExpired()}
              order by completed_at
              limit ${REFRESH_BATCH_SIZE}
            ) as oldest
          ) as oldest
          where results <= ${RESULT_BATCH_SIZE}
        ))
        for update skip locked
      ), results as (
        delete from nft_metadata.refresh_results where ctid = any(array(
          select of_refresh.ctid from chosen cross join lateral (
            select ctid from nft_metadata.refresh_results where refresh_id = chosen.id
            order by token_id limit ${RESULT_BATCH_SIZE}
          ) as of_refresh
        ))
      ), errors as (
        delete from nft_metadata.refresh_errors where ctid = any(array(
          select of_refresh.ctid from chosen cross join lateral (
            select ctid from nft_metadata.refresh_errors where refresh_id = chosen.id
            order by token_id limit ${RESULT_BATCH_SIZE}
          ) as of_refresh
        ))
      )
      delete from nft_metadata.refreshes where id = any(array(select id from chosen))`.execute(
      this.em.fork().getKysely(),
    );
    return Number(numAffectedRows);
  }

  private async findOldest(): Promise<string | undefined> {
    const { rows } = await sql<{ id: string }>`
      select id from nft_metadata.refreshes where ${this.isExpired()} order by completed_at limit 1`.execute(
      this.em.fork().getKysely(),
    );
    return rows[0]?.id;
  }

  /** In the order of token ids, from one statement to the next: what was deleted is not read again. Returns how many. */
  private async deleteResults(refreshId: string): Promise<number> {
    let deleted = 0;
    for (let after: string | null = '-1'; after !== null;) {
      const batch = await this.deleteResultsAfter(refreshId, after);
      deleted += batch.deleted;
      after = batch.last;
    }
    return deleted;
  }

  private deleteResultsAfter(refreshId: string, after: string): Promise<{ deleted: number; last: string | null }> {
    return inTransaction(this.em, async (em) => {
      await readInIndexOrder(em);
      const { rows } = await sql<{ deleted: number; last: string | null }>`
        with chosen as materialized (
          select ctid, token_id from nft_metadata.refresh_results
          where refresh_id = ${refreshId}::uuid and token_id > ${after}::numeric
          order by token_id
          limit ${RESULT_BATCH_SIZE}
          for update skip locked
        ), results as (
          delete from nft_metadata.refresh_results where ctid = any(array(select ctid from chosen))
        ), errors as (
          delete from nft_metadata.refresh_errors where ctid = any(array(
            select error.ctid from chosen cross join lateral (
              select ctid from nft_metadata.refresh_errors
              where refresh_id = ${refreshId}::uuid and token_id >= chosen.token_id and token_id <= chosen.token_id
              order by token_id
              limit 1
            ) as error
          ))
        )
        select count(*)::int as deleted, max(token_id)::text as last from chosen`.execute(em.getKysely());
      return rows[0]!;
    });
  }

  private async deleteRow(refreshId: string): Promise<number> {
    const { numAffectedRows = 0n } = await sql`
      delete from nft_metadata.refreshes where id = ${refreshId}::uuid`.execute(this.em.fork().getKysely());
    return Number(numAffectedRows);
  }

  /** Those of an open reveal are kept: it counts their tokens, and their receipts say why some are not staged. */
  private isExpired() {
    return sql`completed_at < now() - ${this.config.refreshRetentionDays} * interval '1 day'
      and (reveal_id is null or reveal_id <> all(array(select id from nft_metadata.reveals where state = 'open')))`;
  }

  /** Ids increase with time, so the oldest are the first. */
  private async deleteAttempts(): Promise<number> {
    let deleted = 0;
    for (let last = '0'; ;) {
      const { rows } = await sql<{ deleted: number; last: string }>`
        with deleted as (
          delete from nft_metadata.refresh_attempts where id = any(array(
            select id from (
              select id, attempted_at from nft_metadata.refresh_attempts
              where id > ${last}::bigint
              order by id
              limit ${ATTEMPT_BATCH_SIZE}
              for update skip locked
            ) as oldest
            where attempted_at < now() - ${this.config.attemptRetentionDays} * interval '1 day'
          ))
          returning id
        )
        select count(*)::int as deleted, max(id)::text as last from deleted`.execute(this.em.fork().getKysely());
      const [end] = rows;
      deleted += end!.deleted;
      if (end!.deleted < ATTEMPT_BATCH_SIZE) return deleted;
      last = end!.last;
    }
  }
}
