/** TLS, and SQLSTATE 28000: no line of pg_hba.conf fits, which may be for TLS only, or for plain connections only. */
const REFUSES_TARGET = /^(28000|ERR_TLS|ERR_SSL|ERR_OSSL|EPROTO|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO)/;
const NO_TLS = /does not support SSL|establishing an SSL connection/;
/** Two texts of the pg driver, for SCRAM and for the older methods. */
const NO_PASSWORD = /client password must be a string|password must be a non-empty string/i;
const CERTIFICATE = /^(ERR_TLS_CERT|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO)/;
/** SQLSTATE 08 (connection), 53 (resources), 55000 (accepts no connections), 57P (starts or stops), and socket errors. */
const TEMPORARY =
  /^(08|53|55000|57P|ECONN|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|EHOSTDOWN|ENETUNREACH|ENETDOWN|ENOENT)/;
const TEMPORARY_TEXTS = /connection terminated|timeout expired/i;
/** PgBouncer uses 08P01 for these permanent errors too. */
const NO_DATABASE_TEXTS = /no such database|database ".*" does not exist/i;
const LASTING_TEXTS = /unsupported startup parameter|auth(entication)? failed|no such user/i;

/** The server may accept the same client with TLS instead of without, or the reverse. */
export function refusesTarget(error: unknown): boolean {
  return REFUSES_TARGET.test(codeOf(error)) || NO_TLS.test(messageOf(error));
}

/** A later try may succeed: the server starts, the network comes up, another host becomes primary. */
export function isTemporary(error: unknown): boolean {
  if (error instanceof AggregateError && codeOf(error) === '') return error.errors.some(isTemporary);
  if (isMissingDatabase(error) || LASTING_TEXTS.test(messageOf(error))) return false;
  return TEMPORARY.test(codeOf(error)) || TEMPORARY_TEXTS.test(messageOf(error));
}

/** One sentence for the operator: what is wrong with the connection and how to correct it. */
export function explainConnectionError(error: unknown, label: string): string {
  const message = messageOf(error);
  if (isMissingDatabase(error)) {
    return `The database at ${label} does not exist. Create it, or correct DATABASE_URL: the service never creates the database that it names.`;
  }
  if (CERTIFICATE.test(codeOf(error))) {
    return `The certificate of the database at ${label} is not trusted: ${message}. Set sslmode and sslrootcert in DATABASE_URL to trust it.`;
  }
  if (NO_PASSWORD.test(message)) {
    return `DATABASE_URL has no password, and the server at ${label} asks for one. Add it to DATABASE_URL, or set PGPASSWORD.`;
  }
  if (NO_TLS.test(message)) {
    return `The database at ${label} does not accept TLS, which sslmode in DATABASE_URL requires: ${message}.`;
  }
  return `The database at ${label} refuses the connection: ${message}.`;
}

export function messageOf(error: unknown): string {
  const { message, code } = error as { message?: string; code?: string };
  // An AggregateError of Node has no text of its own.
  return (message || code || String(error)).replace(/\.$/, '');
}

function isMissingDatabase(error: unknown): boolean {
  return codeOf(error) === '3D000' || NO_DATABASE_TEXTS.test(messageOf(error));
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
