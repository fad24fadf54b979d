import { setTimeout as pause } from 'node:timers/promises';
import { explainConnectionError, isTemporary, messageOf } from './connection-errors.js';
import { HOST_TIMEOUT_MS, type DatabaseConnection } from './database-client.js';

const RETRY_DELAY_MS = 500;
/** After this time without a response, the wait is reported; earlier if the wait is shorter. */
const SILENCE_MS = 2000;

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
 * Waits up to `waitSeconds` until the database accepts a connection and responds to a query; with 0, makes one attempt. Throws
 * DatabaseUnusable after that, or immediately if waiting cannot help: a wrong password, an untrusted certificate, a database
 * that does not exist.
 */
export async function waitForDatabase(
  connection: DatabaseConnection,
  waitSeconds: number,
  onWaiting: (waiting: WaitingForDatabase) => void,
): Promise<void> {
  const { label: database, attemptTimeoutMs } = connection;
  const until = performance.now() + waitSeconds * 1000;
  let isAnnounced = false;
  const announce = (error: string) => {
    if (!isAnnounced) onWaiting({ database, waitSeconds, error });
    isAnnounced = true;
  };
  for (;;) {
    const remainingMs = waitSeconds === 0 ? attemptTimeoutMs : Math.max(until - performance.now(), RETRY_DELAY_MS);
    const silence = setTimeout(() => announce('no response yet'), Math.min(SILENCE_MS, remainingMs / 2));
    const error = await attempt(connection, Math.min(attemptTimeoutMs, remainingMs));
    clearTimeout(silence);
    if (!error) return;
    if (!isTemporary(error)) throw new DatabaseUnusable(explainConnectionError(error, database), { cause: error });
    if (performance.now() + RETRY_DELAY_MS > until) {
      throw new DatabaseUnusable(
        `The database at ${database} did not respond within ${waitSeconds} seconds (DATABASE_WAIT_SECONDS): ${messageOf(error)}.`,
        { cause: error },
      );
    }
    announce(messageOf(error));
    await pause(RETRY_DELAY_MS);
  }
}

/** The limit covers the query: a pooler without a free session accepts the connection, and the query waits. */
async function attempt(connection: DatabaseConnection, timeoutMs: number): Promise<Error | null> {
  const timeout = AbortSignal.timeout(Math.ceil(timeoutMs));
  const client = connection.newClient({ connectionTimeoutMillis: HOST_TIMEOUT_MS }, timeout);
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
