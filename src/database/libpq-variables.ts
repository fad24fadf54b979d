/**
 * Variables of libpq that ask for security or for another server, and that `pg` does not read. To ignore one would connect
 * in a way that the operator has ruled out.
 */
const REFUSED: Readonly<Record<string, string>> = {
  PGHOSTADDR: 'write the address as the host of DATABASE_URL',
  PGSERVICE: 'write the connection into DATABASE_URL',
  PGLOADBALANCEHOSTS: 'the hosts of DATABASE_URL are tried in order',
  PGREQUIREAUTH: 'channel_binding=require in DATABASE_URL accepts SCRAM only',
  PGREQUIREPEER: 'the owner of a Unix socket is not checked',
  PGREQUIRESSL: 'set PGSSLMODE=require',
  PGSSLCERTMODE: 'write sslcert and sslkey into DATABASE_URL',
  PGSSLCRL: 'revoked certificates are not checked',
  PGSSLCRLDIR: 'revoked certificates are not checked',
  PGGSSENCMODE: 'connections are encrypted with TLS; set PGSSLMODE',
};
/** Ask for nothing that would not happen anyway. */
const HARMLESS = /^(PGGSSENCMODE=(disable|prefer)|PGLOADBALANCEHOSTS=disable|PGREQUIRESSL=0|PGSSLCERTMODE=allow)$/;

/** One line for each variable that cannot be honoured. */
export function refusedLibpqVariables(variables: Readonly<Record<string, string | undefined>>): string[] {
  return Object.entries(REFUSED)
    .filter(([name]) => variables[name] && !HARMLESS.test(`${name}=${variables[name]}`))
    .map(([name, hint]) => `${name} is not supported and must not be set: ${hint}`);
}
