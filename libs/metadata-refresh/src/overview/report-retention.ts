import type { EntityManager } from '@mikro-orm/postgresql';
import { sql } from 'kysely';

const MINUTES_RETENTION_DAYS = 7;
const WORKERS_RETENTION_DAYS = 1;
const BATCH_SIZE = 5000;

/** Deletes old reports of workers about hosts and about themselves, in short statements. */
export async function deleteExpiredReports(em: EntityManager): Promise<void> {
  const before = (days: number) => sql`now() - ${days} * interval '1 day'`;
  const statements = [
    sql`
      delete from nft_metadata.refresh_host_minutes where ctid = any(array(
        select ctid from nft_metadata.refresh_host_minutes where minute < ${before(MINUTES_RETENTION_DAYS)}
        order by minute limit ${BATCH_SIZE} for update skip locked
      ))`,
    sql`
      delete from nft_metadata.host_cooldowns where id = any(array(
        select id from (
          select id, started_at from nft_metadata.host_cooldowns order by id limit ${BATCH_SIZE} for update skip locked
        ) as oldest
        where started_at < ${before(MINUTES_RETENTION_DAYS)}
      ))`,
    sql`
      delete from nft_metadata.refresh_workers where worker_id = any(array(
        select worker_id from nft_metadata.refresh_workers where last_heartbeat_at < ${before(WORKERS_RETENTION_DAYS)}
        limit ${BATCH_SIZE} for update skip locked
      ))`,
  ];
  for (const statement of statements) {
    for (let deleted = BATCH_SIZE; deleted === BATCH_SIZE;) {
      deleted = Number((await statement.execute(em.getKysely())).numAffectedRows ?? 0n);
    }
  }
}
