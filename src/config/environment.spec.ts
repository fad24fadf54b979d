import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { parseEnv } from 'node:util';
import { environmentVariables, readEnvironment, WrongEnvironment } from './environment.js';

describe('environment variables', () => {
  it('all environment variables are optional', () => {
    expect(readEnvironment({})).toMatchObject({
      port: 3000,
      host: '127.0.0.1',
      runMode: 'all',
      databasePoolSize: 10,
      bodyLimit: 102_400,
      exposeTokenRoutes: true,
      logLevel: 'info',
      logFormat: 'auto',
      options: {},
      warnings: [],
    });
  });

  it('an environment variable may be a list', () => {
    const environment = readEnvironment({
      FETCH_ALLOWED_HOSTS: 'localhost:4000, [::1]:80',
      IPFS_GATEWAYS: 'https://ipfs.io',
    });
    expect(environment.options.safeHttp?.allowedHosts).toEqual(['localhost:4000', '[::1]:80']);
    expect(environment.options.metadataFetch?.ipfsGateways).toEqual(['https://ipfs.io']);
  });

  it.each([
    ['PORT', 'http'],
    ['PORT', '70000'],
    ['PORT', '-1'],
    ['RUN_MODE', 'both'],
    ['FETCH_ALLOWED_HOSTS', 'localhost'],
    ['FETCH_ALLOWED_HOSTS', 'http://localhost:4000'],
    ['DATABASE_URL', 'mysql://localhost'],
    ['DATABASE_WAIT_SECONDS', '-1'],
    ['DATABASE_WAIT_SECONDS', 'long'],
    ['RPC_URLS', 'https://rpc.example'],
    ['RPC_URLS', '0=https://rpc.example'],
    ['RPC_URLS', 'mainnet=https://rpc.example'],
    ['RPC_URLS', '1=wss://rpc.example'],
    ['RPC_URLS', '1=https://'],
    ['RPC_URLS', '1=https://rpc.example,1=https://other.example'],
    ['RPC_URLS', '1=https://rpc.example|'],
    ['RPC_URLS', '1=https://rpc.example|137=https://other.example'],
    ['RPC_URLS', `1=${Array.from({ length: 9 }, (_, index) => `https://rpc${index}.example`).join('|')}`],
    ['IPFS_GATEWAYS', 'ipfs.io'],
    ['LOG_LEVEL', 'loud'],
    ['LOG_FORMAT', 'xml'],
    ['FETCH_CONCURRENCY', '0'],
    ['FETCH_CONCURRENCY', '2.5'],
    ['HOST_CONCURRENCY', '1001'],
    ['FETCH_DEADLINE_MS', '30s'],
    ['FETCH_DEADLINE_MS', '11001'],
    ['FETCH_EXTRA_PORTS', '8080,http'],
    ['NAME_SERVERS', 'resolver.example'],
    ['TOKENS_PER_HOUR', '-1'],
    ['TOKENS_PER_REQUEST', '1e3'],
    ['REQUESTS_PER_SECOND', 'many'],
    ['REFRESH_RETENTION_DAYS', '0'],
    ['ATTEMPT_RETENTION_DAYS', '0.5'],
    ['KEEP_VERSIONS', '1001'],
    ['EVENT_RETENTION_DAYS', '0'],
    ['EVENT_RETENTION_DAYS', '36501'],
    ['REFRESH_RETENTION_DAYS', '99999999'],
    ['RETRY_BASE_SECONDS', '0'],
    ['WORKERS', '0'],
    ['WORKERS', '-1'],
    ['WORKERS', 'x'],
    ['WORKERS', '1.5'],
    ['WORKERS', '129'],
    ['DATABASE_POOL_SIZE', '1'],
    ['BODY_LIMIT', '1mb'],
    ['TRUST_PROXY', 'yes'],
    ['TRUST_PROXY', '1,10.0.0.0/8'],
    ['TRUST_PROXY', '10.0.0.0/33'],
    ['EXPOSE_TOKEN_ROUTES', 'yes'],
    ['PROJECT_API_AUTHENTICATION', 'password'],
  ])('the variable %s=%s is refused by name, with the valid values', (name, value) => {
    expect(() => readEnvironment({ [name]: value })).toThrow(new RegExp(`^${name} must be `));
  });

  it.each([
    ['FETCH_CONCURRENCY', 'many', 'FETCH_CONCURRENCY must be a whole number from 1; it is "many"'],
    ['HOST_CONCURRENCY', '0', 'HOST_CONCURRENCY must be a whole number from 1 to 1000; it is "0"'],
    ['RETRY_BASE_SECONDS', 'x', 'RETRY_BASE_SECONDS must be a number above 0; it is "x"'],
    ['ONE_TIME_SIGNATURES', '1', 'ONE_TIME_SIGNATURES must be "true" or "false"; it is "1"'],
    ['LOG_FORMAT', 'xml', 'LOG_FORMAT must be one of "auto", "json", "text"; it is "xml"'],
    [
      'NAME_SERVERS',
      '1.1.1.1,x',
      'NAME_SERVERS must be a comma-separated list, and each entry must be IP or IP:port; it is "1.1.1.1,x"',
    ],
    ['RETRY_BASE_SECONDS', '61', 'RETRY_BASE_SECONDS must be at most RETRY_MAX_DELAY_SECONDS'],
    ['EVENT_RETENTION_DAYS', '3', 'DISABLE_WEBHOOKS_AFTER_DAYS must be less than EVENT_RETENTION_DAYS'],
  ])('the variable %s=%s gets the message: %s', (name, value, message) => {
    expect(() => readEnvironment({ [name]: value })).toThrow(new WrongEnvironment(message));
  });

  it.each([
    ['1', ['1']],
    ['10.0.0.0/8, ::1', ['10.0.0.0/8', '::1']],
    ['loopback', ['loopback']],
  ])('the variable TRUST_PROXY=%s is accepted', (value, proxies) => {
    expect(readEnvironment({ TRUST_PROXY: value }).trustProxy).toEqual(proxies);
  });

  it('has one worker less than CPU cores, at least 1 and at most 8', () => {
    expect(readEnvironment({}).workers).toBe(Math.min(Math.max(availableParallelism() - 1, 1), 8));
  });

  it.each(['all', 'worker'])('with RUN_MODE=%s, takes the number of workers from WORKERS', (RUN_MODE) => {
    expect(readEnvironment({ RUN_MODE, WORKERS: '3' })).toMatchObject({ workers: 3, warnings: [] });
  });

  it('with RUN_MODE=api, has no worker, and warns if WORKERS is set', () => {
    expect(readEnvironment({ RUN_MODE: 'api' })).toMatchObject({ workers: 0, warnings: [] });
    expect(readEnvironment({ RUN_MODE: 'api', WORKERS: '3' })).toMatchObject({
      workers: 0,
      warnings: ['WORKERS has no effect with RUN_MODE=api, which runs no worker'],
    });
  });

  it('a warning names misspelt variables, and no others', () => {
    const { warnings } = readEnvironment({
      FETCH_CONCURENCY: '9',
      TOKENS_PER_HOURS: '5',
      HOSTNAME: 'x',
      NODE_ENV: 'x',
    });

    expect(warnings).toEqual([
      'FETCH_CONCURENCY is not a variable of this service; did you mean FETCH_CONCURRENCY?',
      'TOKENS_PER_HOURS is not a variable of this service; did you mean TOKENS_PER_HOUR?',
    ]);
  });

  it('each option gets the value of its variable, and all others are left to their modules', () => {
    const { options } = readEnvironment({ FETCH_CONCURRENCY: '7', EXPOSE_TOKEN_ROUTES: 'false', USER_AGENT: 'shop/1' });

    expect(options).toEqual({ metadataRefresh: { fetchConcurrency: 7 }, safeHttp: { userAgent: 'shop/1' } });
  });

  it('RPC_URLS has the RPC URL of each chain, or several', () => {
    expect(
      readEnvironment({
        RPC_URLS: '1=https://rpc.example/v3/KEY?a=b, 137=http://localhost:8545 | https://other.example#key=1',
      }).options.metadataFetch?.rpcUrls,
    ).toEqual({
      1: 'https://rpc.example/v3/KEY?a=b',
      137: ['http://localhost:8545', 'https://other.example#key=1'],
    });
  });

  it('a refused RPC URL is not shown', () => {
    expect(() => readEnvironment({ RPC_URLS: '1=https://rpc.example/KEY,x' })).not.toThrow(/KEY/);
  });

  it('a wrong parameter of the connection string is named beside other mistakes', () => {
    expect(() => readEnvironment({ DATABASE_URL: 'postgres://db/shop?sslcrl=/x', PORT: 'http' })).toThrow(
      /^PORT must be .*\nDATABASE_URL has the parameter "sslcrl", which is unknown or not supported$/,
    );
  });

  it.each([
    ['PGREQUIREAUTH', 'scram-sha-256'],
    ['PGREQUIREPEER', 'postgres'],
    ['PGREQUIRESSL', '1'],
    ['PGHOSTADDR', '10.0.0.7'],
    ['PGSERVICE', 'shop'],
    ['PGLOADBALANCEHOSTS', 'random'],
    ['PGSSLCRL', '/etc/ssl/revoked.pem'],
    ['PGSSLCRLDIR', '/etc/ssl/revoked'],
    ['PGSSLCERTMODE', 'require'],
    ['PGGSSENCMODE', 'require'],
  ])('the variable %s=%s, which libpq would heed, is refused by name, beside DATABASE_URL only', (name, value) => {
    expect(() => readEnvironment({ DATABASE_URL: 'postgres://db/shop', [name]: value })).toThrow(
      new RegExp(`^${name} is not supported and must not be set: .+$`),
    );
    expect(() => readEnvironment({ [name]: value })).not.toThrow();
  });

  it.each([
    ['PGREQUIRESSL', '0'],
    ['PGLOADBALANCEHOSTS', 'disable'],
    ['PGSSLCERTMODE', 'allow'],
    ['PGGSSENCMODE', 'prefer'],
    ['PGSSLMINPROTOCOLVERSION', 'TLSv1.3'],
  ])('the variable %s=%s is accepted', (name, value) => {
    expect(() => readEnvironment({ DATABASE_URL: 'postgres://db/shop', [name]: value })).not.toThrow();
  });

  it('.env.example has a valid example for every variable', () => {
    const lines = readFileSync(new URL('../../.env.example', import.meta.url), 'utf8').matchAll(/^# ([A-Z_]+=.*)$/gm);
    const examples = parseEnv([...lines].map(([, line]) => line).join('\n'));

    expect(() => readEnvironment(examples)).not.toThrow();
    expect(Object.keys(examples).toSorted()).toEqual(environmentVariables.toSorted());
  });

  it('a refused connection string is not shown', () => {
    expect(() => readEnvironment({ DATABASE_URL: 'mysql://root:hunter2@db' })).not.toThrow(/hunter2/);
  });
});
