import { Socket } from 'node:net';
import type { Client } from 'pg';

/** No statement of the service comes near this: a completion of 500 results takes tens of milliseconds. */
const LONGEST_STATEMENT = '10s';
/** A process that is held still inside a transaction must not keep its locks from all others. */
const LONGEST_IDLE = '10s';
/** Longer than the server may take for a statement, so that it is the server that says no where it can. */
const LONGEST_SILENCE_MS = 15_000;

/**
 * What the service puts up with on its connections. Without limits, a database that is cut off without a word (a network
 * that swallows packets, a machine that lost its power) would hold every connection, and all who wait for one, for the
 * quarter of an hour that the operating system takes to give up.
 */
export const connectionLimits = {
  connectionTimeoutMillis: 5000,
  keepAlive: true,
  keepAliveInitialDelayMillis: 10_000,
  // The pool waits for it, and does not use a connection on which it fails.
  onConnect: limit,
};

/** What holds also for statements that may take long. */
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
  await set(client, { statement_timeout: LONGEST_STATEMENT, idle_in_transaction_session_timeout: LONGEST_IDLE });
}

async function limitIdle(client: Client): Promise<void> {
  await set(client, { idle_in_transaction_session_timeout: LONGEST_IDLE });
}

async function liftLimits(client: Client): Promise<void> {
  await client.query(
    `select set_config(name, '0', false) from pg_settings
     where name in (${LIMITS}) and setting <> '0' and pg_backend_pid() = $1`,
    [processIdOf(client)],
  );
}

/**
 * A limit that the operator has set, for the user or the database, stands. And only in a session of our own: behind a
 * pooler in transaction mode, what is set for the session stays in it for whoever gets it next. Start-up parameters would
 * not, but they would overrule the operator, and poolers refuse those. A pooler makes up the process that it tells us at
 * the start, PostgreSQL tells its own; with a pooler in session mode we set nothing either, since the two look alike.
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

/** A question without an answer ends the connection. Where nothing was asked, as while listening, silence is in order. */
function endWhenSilent(socket: Socket): void {
  let answered = socket.bytesWritten;
  // Before whoever reads the answer can ask the next question.
  socket.prependListener('data', () => (answered = socket.bytesWritten));
  socket.setTimeout(LONGEST_SILENCE_MS, () => {
    if (socket.bytesWritten > answered) socket.destroy(new Error('Connection terminated: the database is silent'));
  });
}
