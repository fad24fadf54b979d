import { sql, type RawBuilder } from 'kysely';

/** A time as text: RFC 3339 in UTC, with microseconds. */
export const timestamp = (expression: string): RawBuilder<string> =>
  sql.raw(`to_char((${expression}) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`);
