import type { TestApp } from './start-app.js';

/** Waits until the worker, which has started, listens for refreshes. Only of this database: suites run at the same time on one server. */
export async function untilListening({ database }: Pick<TestApp, 'database'>): Promise<void> {
  const listening = () =>
    database.query(
      `select from pg_stat_activity
       where datname = current_database() and query = 'listen nft_metadata_refresh' and state = 'idle'`,
    );
  await vi.waitUntil(async () => (await listening()).length > 0, { timeout: 10_000, interval: 20 });
}
