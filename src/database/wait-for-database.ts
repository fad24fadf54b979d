import { setTimeout as pause } from 'node:timers/promises';
import { explainConnectionError, isTemporary, messageOf } from './connection-errors.js';
import { HOST_TIMEOUT_MS, type DatabaseConnection } from './database-client.js';

const RETRY_DELAY_MS = 500;
/** A database that says nothing for this long is waited for. */
const SILENCE_MS = 500;

/** The database cannot be used as it is named. The message is for the operator, and needs no stack. */
export class DatabaseUnusable extends Error {
  override readonly name = 'DatabaseUnusable';
}

/** What is being waited for, said once. */
export interface WaitingForDatabase {
  database: string;
  waitSeconds: number;
  error: string;
}

/**
 * Waits until the database takes a connection and responds to a query, for at most `waitSeconds`; with 0, for one attempt.
 * Throws DatabaseUnusable when it does not, and at once when waiting cannot help: a wrong password, a certificate that is
 * not accepted, a database that does not exist.
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
    const silence = setTimeout(() => announce('no response yet'), SILENCE_MS);
    const error = await attempt(connection, Math.min(attemptTimeoutMs, remainingMs));
    clearTimeout(silence);
    if (!error) return;
    if (!isTemporary(error)) throw new DatabaseUnusable(explainConnectionError(error, database), { cause: error });
    if (performance.now() + RETRY_DELAY_MS > until) {
      throw new DatabaseUnusable(
        `The database at ${database} did not answer within ${waitSeconds} seconds (DATABASE_WAIT_SECONDS): ${messageOf(error)}.`,
        { cause: error },
      );
    }
    announce(messageOf(error));
    await pause(RETRY_DELAY_MS);
  }
}

/** A pooler whose sessions are all taken accepts a connection and keeps its query waiting, so the query is in the limit. */
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
