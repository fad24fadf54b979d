import { readEnvironment } from './environment.js';

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
    ['RPC_URLS', 'https://rpc.example'],
    ['IPFS_GATEWAYS', 'ipfs.io'],
    ['LOG_LEVEL', 'loud'],
  ])('refuses %s=%s by name, and says what would be right', (name, value) => {
    expect(() => readEnvironment({ [name]: value })).toThrow(new RegExp(`^${name} must be `));
  });

  it('does not show a connection string that it refuses', () => {
    expect(() => readEnvironment({ DATABASE_URL: 'mysql://root:hunter2@db' })).not.toThrow(/hunter2/);
  });
});
