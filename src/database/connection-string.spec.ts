import { readConnectionString, withLibpqVariables } from './connection-string.js';

const refusal = (url: string): string => {
  try {
    readConnectionString(url);
  } catch (error) {
    return (error as Error).message;
  }
  return 'nothing is wrong with it';
};

describe('connection strings', () => {
  it('a connection string gives user, password, host, port and database, decoded', () => {
    const { config, targets } = readConnectionString(
      'postgresql://a%40b:p%2Fw%3F@db.example:6543/sh%20op?sslmode=disable',
    );

    expect(config).toEqual({ user: 'a@b', password: 'p/w?', database: 'sh op' });
    expect(targets).toEqual([{ host: 'db.example', port: 6543, ssl: false }]);
  });

  it('a connection string gives the application name, options, time limit and keep-alive to the driver', () => {
    const { config } = readConnectionString(
      'postgres://db/shop?application_name=a+b&fallback_application_name=c&options=-c%20search_path%3Dshop' +
        '&connect_timeout=7&keepalives=1&keepalives_idle=30&user=u&password=p&dbname=other&client_encoding=utf8',
    );

    expect(config).toEqual({
      user: 'u',
      password: 'p',
      database: 'other',
      application_name: 'a+b',
      fallback_application_name: 'c',
      options: '-c search_path=shop',
      connectionTimeoutMillis: 7000,
      keepAlive: true,
      keepAliveInitialDelayMillis: 30_000,
    });
  });

  it.each([
    ['postgres://a:1,b,[::1]:3/db?sslmode=disable', ['a:1', 'b:undefined', '::1:3']],
    ['postgres:///db?host=a,b&port=1,2&sslmode=disable', ['a:1', 'b:2']],
    ['postgres://a,b/db?port=7&sslmode=disable', ['a:7', 'b:7']],
    ['postgres://%2Fvar%2Frun%2Fpostgresql:5433/db', ['/var/run/postgresql:5433']],
    ['postgres:///db?host=/tmp', ['/tmp:undefined']],
    ['postgres://:5433/db?host=/tmp', ['/tmp:5433']],
    ['postgres://a:5433/db?host=b,c&sslmode=disable', ['b:5433', 'c:5433']],
    ['postgres:///db?sslmode=disable', [':undefined']],
  ])('the connection string %s names its hosts', (url, hosts) => {
    expect(readConnectionString(url).targets.map(({ host, port }) => `${host}:${port}`)).toEqual(hosts);
  });

  it.each([
    ['', [true, false]],
    ['?sslmode=disable', [false]],
    ['?sslmode=allow', [false, true]],
    ['?sslmode=prefer', [true, false]],
    ['?sslmode=require', [true]],
    ['?ssl=true', [true]],
    ['?sslmode=verify-full', [true]],
    ['?sslrootcert=system', [true]],
    ['?host=/tmp&sslmode=verify-full', [false]],
  ])('with the connection string "%s", TLS is tried as libpq does', (query, ways) => {
    const { targets } = readConnectionString(`postgres://db/shop${query}`);

    expect(targets.map(({ ssl }) => ssl !== false)).toEqual(ways);
  });

  it.each([
    ['sslmode=verify-full', { checkServerIdentity: expect.any(Function) as unknown }],
    ['sslmode=require', { rejectUnauthorized: false }],
    ['sslmode=require&sslpassword=s', { passphrase: 's' }],
    ['sslmode=require&ssl_min_protocol_version=TLSv1.3', { minVersion: 'TLSv1.3' }],
    ['sslmode=require&ssl_max_protocol_version=TLSv1.2', { maxVersion: 'TLSv1.2' }],
  ])('the connection string %s reaches TLS', (query, options) => {
    expect(readConnectionString(`postgres://db/shop?${query}`).targets[0]!.ssl).toMatchObject(options);
  });

  it.each([
    ['sslcrl=/x', /^has the parameter "sslcrl", which is unknown or not supported$/],
    ['search_path=shop', /"search_path".*: write options=-c%20search_path%3D/],
    ['statement_timeout=5', /"statement_timeout".*: write options=/],
    ['schema=public', /"schema"/],
    ['pgbouncer=true', /"pgbouncer"/],
    [
      'sslmode=no-verify',
      /^has sslmode=no-verify, which is not one of disable, allow, prefer, require, verify-ca, verify-full/,
    ],
    ['sslmode=verify-ca', /needs sslrootcert/],
    ['sslmode=require&sslrootcert=system', /needs sslmode=verify-full/],
    ['sslnegotiation=direct', /needs sslmode=require or stricter; it is prefer/],
    ['sslmode=require&sslrootcert=/no/such.pem', /^names the file \/no\/such\.pem, which cannot be read \(ENOENT\)$/],
    ['sslmode=require&sslcert=/no/such.pem', /\/no\/such\.pem/],
    ['target_session_attrs=writable', /^has target_session_attrs=writable, but only "any", "read-write"/],
    ['load_balance_hosts=random', /but only "disable" can be used/],
    ['gssencmode=require', /gssencmode/],
    ['client_encoding=latin1', /only UTF8/],
    ['connect_timeout=soon', /connect_timeout=soon/],
    ['host=a,b&port=1,2,3', /names 2 hosts and 3 ports/],
    ['port=70000', /above 65535/],
  ])('a connection string with %s is refused by name', (query, sentence) => {
    expect(refusal(`postgres://db/shop?${query}`)).toMatch(sentence);
  });

  it.each([
    'mysql://db/shop',
    'db/shop',
    'postgres://u:hunter#2@db/shop',
    'postgres://u:hunter/2@db/shop',
    'postgres://u:1/hunter@db/x',
    'postgres://u:hunter@d%zzb/shop',
  ])('a connection string that cannot be read is refused without showing it: %s', (url) => {
    expect(refusal(url)).toMatch(/^must be a connection string, such as "postgres:/);
    expect(refusal(url)).not.toMatch(/hunter/);
  });

  it('a connection string is completed by the variables of libpq', () => {
    const variables = {
      PGSSLMODE: 'require',
      PGSSLMINPROTOCOLVERSION: 'TLSv1.3',
      PGCONNECT_TIMEOUT: '3',
      PGHOST: 'elsewhere',
    };

    expect(withLibpqVariables('postgres://db/x', variables)).toBe(
      'postgres://db/x?sslmode=require&ssl_min_protocol_version=TLSv1.3&connect_timeout=3',
    );
    expect(withLibpqVariables('postgres://db/x?sslmode=allow&ssl_min_protocol_version=TLSv1.2', variables)).toBe(
      'postgres://db/x?sslmode=allow&ssl_min_protocol_version=TLSv1.2&connect_timeout=3',
    );
  });
  it.each([
    ['postgres://u:p@/x', 'postgres://u:p@/x?host=db.example&port=6543'],
    ['postgres:///x?sslmode=require', 'postgres:///x?sslmode=require&host=db.example&port=6543'],
    ['postgres://:1/x', 'postgres://:1/x?host=db.example'],
    ['postgres:///x?port=1', 'postgres:///x?port=1&host=db.example'],
    ['postgres:///x?host=here', 'postgres:///x?host=here'],
    ['postgres://here/x', 'postgres://here/x'],
  ])(
    'the connection string %s takes its host and port from PGHOST and PGPORT only where it names none',
    (url, whole) => {
      expect(withLibpqVariables(url, { PGHOST: 'db.example', PGPORT: '6543' })).toBe(whole);
    },
  );

  it('a Unix socket that PGHOST names is not encrypted, whatever sslmode says', () => {
    const url = withLibpqVariables('postgres:///x?sslmode=require', { PGHOST: '/var/run/postgresql' });

    expect(readConnectionString(url).targets).toEqual([{ host: '/var/run/postgresql', port: undefined, ssl: false }]);
  });
});
