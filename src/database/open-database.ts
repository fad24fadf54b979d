import type { Environment } from '../config/environment.js';
import { enterEmbeddedPostgres } from './embedded-postgres.js';

const EMBEDDED_FOLDER = './.data/postgres';

export interface Database {
  url: string;
  leave(): Promise<void>;
}

/** The database that DATABASE_URL names; without one, the embedded PostgreSQL. */
export async function openDatabase({ databaseUrl }: Pick<Environment, 'databaseUrl'>): Promise<Database> {
  if (databaseUrl) return { url: databaseUrl, leave: async () => {} };
  const server = await enterEmbeddedPostgres(EMBEDDED_FOLDER);
  return { url: await server.databaseUrl('nft_refresh'), leave: () => server.leave() };
}
