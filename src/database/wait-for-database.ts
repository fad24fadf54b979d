import { setTimeout as pause } from 'node:timers/promises';
import { explainConnectionError, isTemporary, messageOf } from './connection-errors.js';
import type { DatabaseConnection } from './database-client.js';

const RETRY_START_MS = 500;
/** Of a try, where the connection string has no connect_timeout. */
const CONNECT_TIMEOUT_MS = 5000;

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
 * Waits until the database takes a connection, for at most `waitSeconds`. Throws DatabaseUnusable when it does not, and
 * at once when waiting cannot help: a wrong password, a certificate that is not accepted, a database that does not exist.
 */
export async function waitForDatabase(
  connection: DatabaseConnection,
  waitSeconds: number,
  onWaiting: (waiting: WaitingForDatabase) => void,
): Promise<void> {
  const until = performance.now() + waitSeconds * 1000;
  for (let tries = 1; ; tries += 1) {
    const error = await connectOnce(connection, until - performance.now());
    if (!error) return;
    if (!isTemporary(error))
      throw new DatabaseUnusable(explainConnectionError(error, connection.label), { cause: error });
    if (performance.now() + RETRY_START_MS > until) {
      throw new DatabaseUnusable(
        `The database at ${connection.label} did not answer within ${waitSeconds} seconds (DATABASE_WAIT_SECONDS): ${messageOf(error)}.`,
        { cause: error },
      );
    }
    if (tries === 1) onWaiting({ database: connection.label, waitSeconds, error: messageOf(error) });
    await pause(RETRY_START_MS);
  }
}

/** Each host is tried in turn, within `timeoutMs` for all of them: connect_timeout may be longer, and 0 has no bound. */
async function connectOnce(connection: DatabaseConnection, timeoutMs: number): Promise<Error | null> {
  const timeout = AbortSignal.timeout(Math.max(1, Math.ceil(timeoutMs)));
  const client = connection.newClient({ connectionTimeoutMillis: CONNECT_TIMEOUT_MS }, timeout);
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
