/**
 * SQLSTATE 08 (connection), 25006 (read-only standby), 25P03 and 25P04 (limits on idle time in a transaction and on its
 * duration), 28 (authentication), 3D000 (no such database), 40 (deadlock, serialization), 53 (resources), 55000 (refuses
 * connections), 57P (shutdown, start-up), and errors of sockets and TLS.
 */
const CODES =
  /^(08|25006|25P0[34]|28|3D000|40|53|55000|57P|ECONN|EPIPE|EPROTO|EHOST|ENET|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|ERR_TLS|ERR_SSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO)/;
const TEXTS =
  /connection (terminated|timeout|error)|timeout exceeded when trying to connect|timeout expired|connect ENOENT|SSL connection|cannot use a pool after/i;

/** Cancelled statements: 57014 (statement timeout, cancel request), 55P03 (lock timeout), and pg's `query_timeout`. */
const SLOW = { codes: /^(57014|55P03)/, texts: /^Query read timeout$/ };

/** Whether a request failed because the database cannot be reached now. The same request can succeed later. */
export function isDatabaseUnavailable(error: unknown): boolean {
  return isSlowStatement(error) || someCause(error, { codes: CODES, texts: TEXTS });
}

/** Whether the database is available, but a statement exceeded its time limit. */
export function isSlowStatement(error: unknown): boolean {
  return someCause(error, SLOW);
}

function someCause(error: unknown, wanted: { codes: RegExp; texts: RegExp }): boolean {
  for (let cause = error, depth = 0; cause instanceof Error && depth < 5; cause = cause.cause, depth += 1) {
    const code = 'code' in cause ? String(cause.code) : '';
    if (wanted.codes.test(code) || wanted.texts.test(cause.message)) return true;
    if (cause instanceof AggregateError && cause.errors.some((inner) => someCause(inner, wanted))) return true;
  }
  return false;
}
