import { resolve } from 'node:path';
import type { Environment } from '../config/environment.js';
import { unlessAborted } from '../stop-signal.js';
import { connectionTo } from './database-client.js';
import { enterEmbeddedPostgres } from './embedded-postgres.js';
import { waitForDatabase, type WaitingForDatabase } from './wait-for-database.js';

const EMBEDDED_FOLDER = './.data/postgres';

export interface Database {
  url: string;
  leave(): Promise<void>;
}

export interface OpeningDatabase {
  /** What an operator wants to know before there is a database. */
  onWaiting: (waiting: WaitingForDatabase) => void;
  /** Without DATABASE_URL, and without a database in the folder of the embedded PostgreSQL: there is a new, empty one now. */
  onCreated: (folder: string) => void;
  /** Opening ends when it aborts, and leaves the database again. */
  signal?: AbortSignal | undefined;
}

/**
 * The database that DATABASE_URL names, as soon as it takes connections; without one, the embedded PostgreSQL. Throws
 * DatabaseUnusable, UnusableFolder, and the signal's reason.
 */
export async function openDatabase(
  { databaseUrl, databaseWaitSeconds }: Pick<Environment, 'databaseUrl' | 'databaseWaitSeconds'>,
  { onWaiting, onCreated, signal }: OpeningDatabase,
): Promise<Database> {
  if (databaseUrl) {
    await unlessAborted(signal, waitForDatabase(connectionTo(databaseUrl), databaseWaitSeconds, onWaiting));
    return { url: databaseUrl, leave: async () => {} };
  }
  const server = await enterEmbeddedPostgres(EMBEDDED_FOLDER, [], signal);
  try {
    signal?.throwIfAborted();
    const url = await server.databaseUrl('nft_refresh', () => onCreated(resolve(EMBEDDED_FOLDER)));
    return { url: `${url}?sslmode=disable`, leave: () => server.leave() };
  } catch (error) {
    await server.leave();
    throw error;
  }
}
