import { StagingStore } from '@app/token-store';
import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { sql, type RawBuilder } from 'kysely';

/** Reveals that one look finds. */
const LOOK_SIZE = 100;
/** Rows of one reveal that one statement deletes. */
const DELETE_BATCH_SIZE = 5000;

/** Deletes reveals with what is left of them, in short statements. Several processes may delete at the same time. */
@Injectable()
export class RevealRetention {
  constructor(
    private readonly em: EntityManager,
    private readonly staging: StagingStore,
  ) {}

  /** Those that ended more than so many days ago. Returns how many. */
  deleteExpired(retentionDays: number): Promise<number> {
    return this.deleteWhere(
      sql`coalesce(reverted_at, ended_at) < now() - ${retentionDays} * interval '1 day' and job is null`,
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
      for (const { id } of rows) deleted += await this.delete(id);
    }
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
