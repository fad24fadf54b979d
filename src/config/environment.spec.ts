import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { environmentVariables, readEnvironment } from './environment.js';

describe('the environment', () => {
  it('may be empty', () => {
    expect(readEnvironment({})).toMatchObject({
      port: 3000,
      host: '127.0.0.1',
      runMode: 'all',
      fetchAllowedHosts: [],
      logLevel: 'info',
    });
  });

  it('reads lists', () => {
    const environment = readEnvironment({
      FETCH_ALLOWED_HOSTS: 'localhost:4000, [::1]:80',
      IPFS_GATEWAYS: 'https://ipfs.io',
    });
    expect(environment.fetchAllowedHosts).toEqual(['localhost:4000', '[::1]:80']);
    expect(environment.ipfsGateways).toEqual(['https://ipfs.io']);
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
    ['IPFS_GATEWAYS', 'ipfs.io'],
    ['LOG_LEVEL', 'loud'],
  ])('refuses %s=%s by name, and says what would be right', (name, value) => {
    expect(() => readEnvironment({ [name]: value })).toThrow(new RegExp(`^${name} must be `));
  });

  it('reads the RPC URL of each chain', () => {
    expect(
      readEnvironment({ RPC_URLS: '1=https://rpc.example/v3/KEY?a=b, 137=http://localhost:8545' }).rpcUrls,
    ).toEqual({
      1: 'https://rpc.example/v3/KEY?a=b',
      137: 'http://localhost:8545',
    });
  });

  it('does not show an RPC URL that it refuses', () => {
    expect(() => readEnvironment({ RPC_URLS: '1=https://rpc.example/KEY,x' })).not.toThrow(/KEY/);
  });

  it('refuses a parameter of the connection string by name, beside what else is wrong', () => {
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
  ])('refuses %s=%s, which libpq would heed, by name and beside DATABASE_URL only', (name, value) => {
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
  ])('takes %s=%s', (name, value) => {
    expect(() => readEnvironment({ DATABASE_URL: 'postgres://db/shop', [name]: value })).not.toThrow();
  });

  it('has an example of every variable, and each is a good value', () => {
    const lines = readFileSync(new URL('../../.env.example', import.meta.url), 'utf8').matchAll(/^# ([A-Z_]+=.*)$/gm);
    const examples = parseEnv([...lines].map(([, line]) => line).join('\n'));

    expect(() => readEnvironment(examples)).not.toThrow();
    expect(Object.keys(examples).toSorted()).toEqual(environmentVariables.toSorted());
  });

  it('does not show a connection string that it refuses', () => {
    expect(() => readEnvironment({ DATABASE_URL: 'mysql://root:hunter2@db' })).not.toThrow(/hunter2/);
  });
});
