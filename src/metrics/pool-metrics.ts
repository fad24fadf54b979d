import type { EntityManager } from '@mikro-orm/postgresql';
import type { Pool } from 'pg';
import type { ReadMetrics, Sample } from './read-metrics.js';

/** Metrics of the database connections of this process. */
export function registerPoolMetrics(metrics: ReadMetrics, em: EntityManager): void {
  /** No value while there is no pool, because the database has never responded. */
  const read = async (toSamples: (pool: Pool) => Sample[]) => {
    const pool = await em
      .getConnection()
      .getNativeClient()
      .catch(() => null);
    return pool ? toSamples(pool) : [];
  };
  metrics.gauge('nft_refresh_pool_connections', 'Open database connections of this process, by state.', () =>
    read(({ totalCount, idleCount }) => [
      [{ state: 'active' }, totalCount - idleCount],
      [{ state: 'idle' }, idleCount],
    ]),
  );
  metrics.gauge('nft_refresh_pool_max_connections', 'The most database connections of this process.', () =>
    read(({ options }) => [[{}, options.max]]),
  );
  metrics.gauge('nft_refresh_pool_waiting', 'Statements that wait for a free database connection.', () =>
    read(({ waitingCount }) => [[{}, waitingCount]]),
  );
}
