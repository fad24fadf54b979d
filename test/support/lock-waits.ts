import type { TestDatabase } from './database.js';

interface LockWaits {
  /** A part of the statement that waits. */
  statement?: string;
  /** The kinds of locks that count, in the words of `pg_stat_activity.wait_event`. All, unless given. */
  kinds?: readonly ('advisory' | 'relation' | 'transactionid' | 'tuple')[];
}

/** The sessions that wait for a lock, and how long ago their statements began. Only those of this database: suites run at the same time on one server. */
export async function lockWaits(
  database: Pick<TestDatabase, 'query'>,
  { statement = '', kinds }: LockWaits = {},
): Promise<{ pid: number; seconds: number }[]> {
  return database.query(
    `select pid, extract(epoch from clock_timestamp() - query_start)::float8 as seconds from pg_stat_activity
     where datname = current_database() and wait_event_type = 'Lock' and position($1 in query) > 0
       and ($2::text[] is null or wait_event = any($2))`,
    [statement, kinds ?? null],
  );
}

/** Waits until exactly so many sessions wait for a lock. Without a number, until any do. */
export async function untilLockWaits(
  database: Pick<TestDatabase, 'query'>,
  { count, ...which }: LockWaits & { count?: number } = {},
): Promise<void> {
  await vi.waitUntil(
    async () => {
      const { length } = await lockWaits(database, which);
      return count === undefined ? length > 0 : length === count;
    },
    { timeout: 30_000, interval: 20 },
  );
}

/** Cancels the statements that wait for a lock, as a limit of the server would do it. */
export async function cancelLockWaits(database: Pick<TestDatabase, 'query'>, which?: LockWaits): Promise<void> {
  for (const { pid } of await lockWaits(database, which)) await database.query('select pg_cancel_backend($1)', [pid]);
}
