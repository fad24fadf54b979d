import { Socket } from 'node:net';
import type { Client } from 'pg';

/** Far above every statement of the service: a completion of 500 results takes tens of milliseconds. */
const STATEMENT_TIMEOUT = '10s';
/** A process that hangs inside a transaction must release its locks. */
const IDLE_TIMEOUT = '10s';
/** Longer than STATEMENT_TIMEOUT, so that the server cancels a slow statement if it can. */
const RESPONSE_TIMEOUT_MS = 15_000;

/**
 * Timeouts of the service's connections. Without them, a database that becomes unreachable without closing its connections
 * (dropped packets, a power failure) blocks every connection and everyone who waits for one, for the fifteen minutes that the
 * operating system needs to detect it.
 */
export const connectionLimits = {
  connectionTimeoutMillis: 5000,
  keepAlive: true,
  keepAliveInitialDelayMillis: 10_000,
  // The pool awaits it, and discards a connection on which it fails.
  onConnect: limit,
};

/** The limits of connections whose statements may run for minutes. */
export const idleLimit = { onConnect: limitIdle };

/**
 * For migrations, which take as long as they take: limits that the operator has set for the user or the database do not
 * hold. In a session that a pooler shares, LIFT_LIMITS does the same for each transaction.
 */
export const noLimits = { onConnect: liftLimits };

const LIMITS = `'statement_timeout', 'idle_in_transaction_session_timeout', 'transaction_timeout'`;
/** A statement that lifts all limits until the transaction ends. */
export const LIFT_LIMITS = `select set_config(name, '0', true) from pg_settings where name in (${LIMITS}) and setting <> '0'`;

async function limit(client: Client): Promise<void> {
  endWhenSilent(client.connection.stream as Socket);
  await set(client, { statement_timeout: STATEMENT_TIMEOUT, idle_in_transaction_session_timeout: IDLE_TIMEOUT });
}

async function limitIdle(client: Client): Promise<void> {
  await set(client, { idle_in_transaction_session_timeout: IDLE_TIMEOUT });
}

async function liftLimits(client: Client): Promise<void> {
  await client.query(
    `select set_config(name, '0', false) from pg_settings
     where name in (${LIMITS}) and setting <> '0' and pg_backend_pid() = $1`,
    [processIdOf(client)],
  );
}

/**
 * Keeps a limit that the operator has set for the user or the database. Sets limits only on a direct connection: behind a
 * pooler in transaction mode, they would stay in the server session for its next client. Start-up parameters would not, but
 * they override the operator's limits, and poolers refuse them. The process id tells a pooler from PostgreSQL: a pooler makes
 * one up. A pooler in session mode looks the same, so it gets no limits either.
 */
async function set(client: Client, limits: Record<string, string>): Promise<void> {
  await client.query(
    `select set_config(name, value, false)
     from pg_settings join json_each_text($1::json) as wanted (name, value) using (name)
     where setting = '0' and pg_backend_pid() = $2`,
    [JSON.stringify(limits), processIdOf(client)],
  );
}

function processIdOf(client: Client): number | null {
  return (client as Client & { processID: number | null }).processID;
}

/** Closes a connection without a response to a query. Without a query, as while listening, silence is normal. */
function endWhenSilent(socket: Socket): void {
  let acknowledged = socket.bytesWritten;
  // Prepended, so that it runs before a listener can send the next query.
  socket.prependListener('data', () => (acknowledged = socket.bytesWritten));
  socket.setTimeout(RESPONSE_TIMEOUT_MS, () => {
    if (socket.bytesWritten > acknowledged)
      socket.destroy(new Error('Connection terminated: the database does not respond'));
  });
}
