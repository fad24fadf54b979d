/**
 * SQLSTATE 08 (connection), 25P03 and 57014 (too slow), 40 (two transactions in each other's way), 53 (resources), 55000
 * (takes no connections), 57P (stops or starts), and what sockets say.
 */
const CODES = /^(08|25P03|40|53|55000|57014|57P|ECONN|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN)/;
const TEXTS = /connection (terminated|timeout|error)|timeout exceeded when trying to connect|cannot use a pool after/i;

/** Whether a request failed because the database cannot be reached now: it can succeed later, as it is. */
export function isDatabaseAway(error: unknown): boolean {
  for (let cause = error, depth = 0; cause instanceof Error && depth < 5; cause = cause.cause, depth += 1) {
    const code = 'code' in cause ? String(cause.code) : '';
    if (CODES.test(code) || TEXTS.test(cause.message)) return true;
    if (cause instanceof AggregateError && cause.errors.some(isDatabaseAway)) return true;
  }
  return false;
}
