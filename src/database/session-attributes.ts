import type { Client } from 'pg';
import type { TargetSessionAttrs } from './connection-parameters.js';

/** Whether the session of a connected client satisfies `target_session_attrs`. */
export async function isWanted(client: Client, attrs: TargetSessionAttrs): Promise<boolean> {
  if (attrs === 'any' || attrs === 'prefer-standby') return true;
  const { rows } = await client.query<{ isStandby: boolean; isReadOnly: boolean }>(
    `select pg_is_in_recovery() as "isStandby",
       pg_is_in_recovery() or current_setting('default_transaction_read_only')::boolean as "isReadOnly"`,
  );
  const { isStandby, isReadOnly } = rows[0]!;
  return { 'read-write': !isReadOnly, 'read-only': isReadOnly, primary: !isStandby, standby: isStandby }[attrs];
}

export function wrongSession(attrs: TargetSessionAttrs): Error {
  // SQLSTATE 08004: the server, or here the client, rejects the connection.
  return Object.assign(new Error(`the session is not ${attrs}, as target_session_attrs requires`), { code: '08004' });
}
