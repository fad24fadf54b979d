import { Client } from 'pg';
import type { TestApp } from './start-app.js';

/** Runs a statement in a transaction that stays open until `release`, which rolls it back, or until `commit`. */
export async function holdRows({ database }: Pick<TestApp, 'database'>, statement: string, values: unknown[]) {
  const client = new Client({ connectionString: database.url });
  await client.connect();
  await client.query('begin');
  await client.query(statement, values);
  return {
    /** Waits until so many others wait for a row, of these or of others. */
    reached: (waiters = 1) =>
      vi.waitUntil(
        async () => {
          const [row] = await database.query<{ waiting: number }>(
            `select count(*)::int as waiting from pg_locks where locktype in ('transactionid', 'tuple') and not granted`,
          );
          return row!.waiting >= waiters;
        },
        { timeout: 10_000, interval: 20 },
      ),
    release: () => client.end(),
    commit: async () => {
      await client.query('commit');
      await client.end();
    },
  };
}
