import { Client } from 'pg';
import { lockWaits } from './lock-waits.js';
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
      vi.waitUntil(async () => (await lockWaits(database, { kinds: ['transactionid', 'tuple'] })).length >= waiters, {
        timeout: 10_000,
        interval: 20,
      }),
    release: () => client.end(),
    commit: async () => {
      await client.query('commit');
      await client.end();
    },
  };
}
