import { StagingStore } from '@app/token-store';
import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { sql, type RawBuilder } from 'kysely';

/** Reveals that one look finds. */
const LOOK_SIZE = 100;
/** Rows of one reveal that one statement deletes. */
const DELETE_BATCH_SIZE = 5000;

/**
 * Deletes reveals with what is left of them, in short statements. Several processes may delete at the same time. A reveal that is to be
 * deleted is marked first, in a statement that waits for whoever decides about it, and looks again afterwards: either it is being reverted
 * then, and stays, or nobody finds it any more.
 */
@Injectable()
export class RevealRetention {
  constructor(
    private readonly em: EntityManager,
    private readonly staging: StagingStore,
  ) {}

  /** Those that ended more than so many days ago. Returns how many. */
  deleteExpired(retentionDays: number): Promise<number> {
    return this.deleteWhere(
      sql`(deleted_at is not null
        or coalesce(reverted_at, ended_at) < now() - ${retentionDays} * interval '1 day' and job is null)`,
    );
  }

  /** Whatever their state, before their project is removed. */
  deleteAllOf(projectId: string): Promise<number> {
    return this.deleteWhere(sql`project_id = ${projectId}`);
  }

  private async deleteWhere(condition: RawBuilder<unknown>): Promise<number> {
    for (let deleted = 0; ;) {
      const { rows } = await sql<{ id: string }>`
        select id from nft_metadata.reveals where ${condition} limit ${LOOK_SIZE}`.execute(this.em.fork().getKysely());
      if (rows.length === 0) return deleted;
      for (const { id } of rows) if (await this.mark(id, condition)) deleted += await this.delete(id);
    }
  }

  /** Returns whether the condition still holds. */
  private async mark(id: string, condition: RawBuilder<unknown>): Promise<boolean> {
    const { numAffectedRows = 0n } = await sql`
      update nft_metadata.reveals set deleted_at = now(), due_at = null
      where id = ${id}::uuid and ${condition}`.execute(this.em.fork().getKysely());
    return numAffectedRows > 0n;
  }

  /** The row last: an interrupted deletion is found again. */
  private async delete(id: string): Promise<number> {
    while ((await this.staging.deleteStaged(id, DELETE_BATCH_SIZE)) > 0);
    while ((await this.staging.deleteRevealed(id, DELETE_BATCH_SIZE)) > 0);
    const { numAffectedRows = 0n } = await sql`delete from nft_metadata.reveals where id = ${id}::uuid`.execute(
      this.em.fork().getKysely(),
    );
    return Number(numAffectedRows);
  }
}
