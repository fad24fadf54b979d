const TARGET_SESSION_ATTRS = ['any', 'read-write', 'read-only', 'primary', 'standby', 'prefer-standby'] as const;
export type TargetSessionAttrs = (typeof TARGET_SESSION_ATTRS)[number];

const SSL_MODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const;
export type SslMode = (typeof SSL_MODES)[number];

const text = /^/;
const TLS_VERSION = /^TLSv1(\.[1-3])?$/;
/** The supported parameters and their values. */
const PARAMETERS: Readonly<Record<string, readonly string[] | RegExp>> = {
  host: text,
  port: /^[0-9]{1,5}(,[0-9]{1,5})*$/,
  user: text,
  password: text,
  dbname: text,
  application_name: text,
  fallback_application_name: text,
  options: text,
  client_encoding: /^(auto|utf-?8|unicode)$/i,
  connect_timeout: /^-?[0-9]{1,6}$/,
  keepalives: ['0', '1'],
  keepalives_idle: /^[0-9]{1,6}$/,
  target_session_attrs: TARGET_SESSION_ATTRS,
  load_balance_hosts: ['disable'],
  ssl: ['true'],
  sslmode: SSL_MODES,
  sslrootcert: text,
  sslcert: text,
  sslkey: text,
  sslpassword: text,
  sslsni: ['1'],
  sslcompression: ['0'],
  sslnegotiation: ['postgres', 'direct'],
  ssl_min_protocol_version: TLS_VERSION,
  ssl_max_protocol_version: TLS_VERSION,
  channel_binding: ['disable', 'prefer', 'require'],
  gssencmode: ['disable', 'prefer'],
  uselibpqcompat: ['true'],
};

const HINTS: Readonly<Record<string, string>> = {
  search_path: 'write options=-c%20search_path%3Dmy_schema',
  statement_timeout: 'write options=-c%20statement_timeout%3D10s',
  lock_timeout: 'write options=-c%20lock_timeout%3D10s',
  idle_in_transaction_session_timeout: 'write options=-c%20idle_in_transaction_session_timeout%3D10s',
  schema: 'the tables have schemas of their own',
  hostaddr: 'write the address as the host',
  pgbouncer: 'it needs no setting here',
};

/** Names the unsupported part of a connection string and how to correct it. Never shows a password. */
export class WrongConnectionString extends Error {
  override readonly name = 'WrongConnectionString';
}

/** Throws WrongConnectionString for a parameter that is unknown or not supported. */
export function readParameters(query: URLSearchParams): ReadonlyMap<string, string> {
  for (const [name, value] of query) {
    const allowed = PARAMETERS[name];
    if (!allowed) {
      const hint = HINTS[name] ? `: ${HINTS[name]}` : '';
      throw new WrongConnectionString(`has the parameter "${name}", which is unknown or not supported${hint}`);
    }
    const isAllowed = allowed instanceof RegExp ? allowed.test(value) : allowed.includes(value);
    if (!isAllowed) throw new WrongConnectionString(`has ${name}=${value}, ${explainValues(name, allowed)}`);
  }
  return new Map(query);
}

function explainValues(name: string, allowed: readonly string[] | RegExp): string {
  if (name === 'client_encoding') return 'but only UTF8 is supported';
  if (name === 'sslmode') return `which is not one of ${SSL_MODES.join(', ')}; "require" verifies no certificate`;
  if (allowed instanceof RegExp) return 'which is not a valid value';
  return `but only ${allowed.map((value) => `"${value}"`).join(', ')} can be used`;
}
