import type { Environment } from '../config/environment.js';
import { enterEmbeddedPostgres } from './embedded-postgres.js';

const EMBEDDED_FOLDER = './.data/postgres';

export interface Database {
  url: string;
  leave(): Promise<void>;
}

/** The database that DATABASE_URL names; without one, the embedded PostgreSQL. Leaves it again when `signal` aborts. */
export async function openDatabase(
  { databaseUrl }: Pick<Environment, 'databaseUrl'>,
  signal?: AbortSignal,
): Promise<Database> {
  if (databaseUrl) return { url: databaseUrl, leave: async () => {} };
  const server = await enterEmbeddedPostgres(EMBEDDED_FOLDER, [], signal);
  try {
    signal?.throwIfAborted();
    return { url: await server.databaseUrl('nft_refresh'), leave: () => server.leave() };
  } catch (error) {
    await server.leave();
    throw error;
  }
}
