import { resolve } from 'node:path';
import type { Environment } from '../config/environment.js';
import { unlessAborted } from '../stop-signal.js';
import { connectionTo } from './database-client.js';
import { enterEmbeddedPostgres } from './embedded-postgres.js';
import { waitForDatabase, type WaitingForDatabase } from './wait-for-database.js';

const EMBEDDED_FOLDER = './.data/postgres';

export interface Database {
  url: string;
  /** For people: its hosts and name, or the folder of the embedded one; never a password. */
  label: string;
  leave(): Promise<void>;
}

export interface OpeningDatabase {
  /** Reports that the database is not available yet. */
  onWaiting: (waiting: WaitingForDatabase) => void;
  /** Reports that a new, empty embedded database was created. */
  onCreated: (folder: string) => void;
  /** Aborts the opening, which then leaves the database again. */
  signal?: AbortSignal | undefined;
}

/**
 * Waits until the database of DATABASE_URL accepts connections. Without DATABASE_URL, starts the embedded PostgreSQL. Throws
 * DatabaseUnusable, UnusableFolder, and the signal's reason.
 */
export async function openDatabase(
  { databaseUrl, databaseWaitSeconds }: Pick<Environment, 'databaseUrl' | 'databaseWaitSeconds'>,
  { onWaiting, onCreated, signal }: OpeningDatabase,
): Promise<Database> {
  if (databaseUrl) {
    const connection = connectionTo(databaseUrl);
    await unlessAborted(signal, waitForDatabase(connection, databaseWaitSeconds, onWaiting));
    return { url: databaseUrl, label: connection.label, leave: async () => {} };
  }
  const server = await enterEmbeddedPostgres(EMBEDDED_FOLDER, [], signal);
  try {
    signal?.throwIfAborted();
    const url = await server.databaseUrl('nft_refresh', () => onCreated(resolve(EMBEDDED_FOLDER)));
    return { url: `${url}?sslmode=disable`, label: `embedded, ${EMBEDDED_FOLDER}`, leave: () => server.leave() };
  } catch (error) {
    await server.leave();
    throw error;
  }
}
