import { setTimeout as pause } from 'node:timers/promises';
import { explainConnectionError, isTemporary, messageOf } from './connection-errors.js';
import type { DatabaseConnection } from './database-client.js';

const RETRY_DELAY_MS = 500;
const CONNECT_TIMEOUT_MS = 5000;

/** The database cannot be used as configured. The message is for the operator and needs no stack. */
export class DatabaseUnusable extends Error {
  override readonly name = 'DatabaseUnusable';
}

/** Reported once. */
export interface WaitingForDatabase {
  database: string;
  waitSeconds: number;
  error: string;
}

/**
 * Waits up to `waitSeconds` until the database accepts a connection. Throws DatabaseUnusable after that, or immediately if
 * waiting cannot help: a wrong password, an untrusted certificate, a database that does not exist.
 */
export async function waitForDatabase(
  connection: DatabaseConnection,
  waitSeconds: number,
  onWaiting: (waiting: WaitingForDatabase) => void,
): Promise<void> {
  const until = performance.now() + waitSeconds * 1000;
  for (let tries = 1; ; tries += 1) {
    const error = await connectOnce(connection);
    if (!error) return;
    if (!isTemporary(error))
      throw new DatabaseUnusable(explainConnectionError(error, connection.label), { cause: error });
    if (performance.now() + RETRY_DELAY_MS > until) {
      throw new DatabaseUnusable(
        `The database at ${connection.label} did not respond within ${waitSeconds} seconds (DATABASE_WAIT_SECONDS): ${messageOf(error)}.`,
        { cause: error },
      );
    }
    if (tries === 1) onWaiting({ database: connection.label, waitSeconds, error: messageOf(error) });
    await pause(RETRY_DELAY_MS);
  }
}

async function connectOnce(connection: DatabaseConnection): Promise<Error | null> {
  const client = connection.newClient({ connectionTimeoutMillis: CONNECT_TIMEOUT_MS });
  try {
    await client.connect();
    await client.query('select 1');
    return null;
  } catch (error) {
    return error as Error;
  } finally {
    void client.end();
  }
}
