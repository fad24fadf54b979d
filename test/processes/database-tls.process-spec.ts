import { execFile } from 'node:child_process';
import { createPrivateKey } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { MetadataHost } from '@app/testing';
import { inject } from 'vitest';
import { connectionTo } from '../../src/database/database-client.js';
import { selfSigned } from '../support/certificate.js';
import { startPostgresServer, type PostgresServer } from '../support/postgres-server.js';
import { runServiceToItsEnd, startServiceProcess } from '../support/service-process.js';
import {
  asAdmin,
  CERTIFIED_DATABASE,
  createServiceDatabase,
  encryptedSessions,
  PASSWORD,
  requireTls,
  USER,
} from '../support/tls-postgres.js';

const CLI = fileURLToPath(new URL('../../dist/src/cli.js', import.meta.url));

let server: PostgresServer;
let metadataApi: MetadataHost;
let folder: string;
const certificate = selfSigned();
let authority: string;
let otherAuthority: string;
beforeAll(async () => {
  [server, metadataApi] = await Promise.all([startPostgresServer([]), MetadataHost.start()]);
  folder = await mkdtemp(join(tmpdir(), 'nft-refresh-tls-'));
  [authority, otherAuthority] = [join(folder, 'authority.pem'), join(folder, 'other.pem')];
  await Promise.all([writeFile(authority, certificate.cert), writeFile(otherAuthority, selfSigned().cert)]);
  await requireTls(server, certificate);
});
afterAll(async () => {
  await Promise.all([server.remove(), metadataApi.close(), rm(folder, { recursive: true, force: true })]);
});

let databases = 0;
/** A connection string of an empty database on the server that takes TLS only. */
async function databaseUrl(query: string): Promise<string> {
  const place = await createServiceDatabase(server, `tls_${(databases += 1)}`);
  return `postgres://${USER}:${encodeURIComponent(PASSWORD)}@${place}${query}`;
}

/** Connects as the service does. Returns whether the session is encrypted. */
async function connect(url: string): Promise<boolean> {
  const client = connectionTo(url).newClient();
  await client.connect();
  const { rows } = await client.query<{ ssl: boolean }>('select ssl from pg_stat_ssl where pid = pg_backend_pid()');
  await client.end();
  return rows[0]!.ssl;
}

it.each([
  ['all', 'require'],
  ['api', 'verify-ca'],
  ['worker', 'verify-full'],
] as const)('a service with RUN_MODE=%s and sslmode=%s has encrypted connections only', async (runMode, sslMode) => {
  const url = await databaseUrl(`?sslmode=${sslMode}&sslrootcert=${authority}`);

  const service = await startServiceProcess({ database: { url }, metadataApi }, runMode);
  const ready = await fetch(`${service.url}/health/ready`);
  const sessions = await encryptedSessions(server);
  await service.end('SIGTERM');

  expect(ready.status).toBe(200);
  expect(sessions.length).toBeGreaterThan(0);
  expect(new Set(sessions)).toEqual(new Set([true]));
});

/** The built command line. Returns the JSON object that it prints. */
async function cli(url: string, ...args: string[]): Promise<Record<string, string>> {
  return cliWith({ DATABASE_URL: url }, ...args);
}

async function cliWith(variables: Record<string, string>, ...args: string[]): Promise<Record<string, string>> {
  const env = { PATH: process.env['PATH'], ...variables };
  const { stdout } = await promisify(execFile)(process.execPath, [CLI, ...args, '--json'], { env });
  return JSON.parse(stdout) as Record<string, string>;
}

const OWNER = '0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266';
const createProject = (url: string) => cli(url, 'project', 'create', '--name', 'Studio', '--owner', OWNER);

it('the command line works with a database that requires TLS', async () => {
  expect(await createProject(await databaseUrl('?sslmode=require'))).toMatchObject({ project_id: expect.any(String) });
});

it.each([
  '',
  '?sslmode=allow',
  '?sslmode=prefer',
  '?sslmode=require',
  '?ssl=true',
  '?sslmode=require&sslnegotiation=direct',
])('a server that accepts TLS only is reached with "%s", encrypted', async (query) => {
  expect(await connect(await databaseUrl(query))).toBe(true);
});

it.each(['', '?sslmode=disable', '?sslmode=allow', '?sslmode=prefer'])(
  'a server without TLS is reached with "%s"',
  async (query) => {
    expect(await connect(`${inject('templateUrl')}${query}`)).toBe(false);
  },
);

it('sslmode comes from PGSSLMODE when the connection string has none', async () => {
  const { status, err } = await runServiceToItsEnd({ DATABASE_URL: await databaseUrl(''), PGSSLMODE: 'disable' });

  expect(status).toBe(1);
  expect(err).toMatch(/^The database at 127\.0\.0\.1:\d+\/tls_\d+ refuses the connection: .*no encryption.*\.\n$/);
});

it.each([
  ['another authority', () => `?sslmode=verify-ca&sslrootcert=${otherAuthority}`, /is not trusted/],
  ['another authority', () => `?sslmode=require&sslrootcert=${otherAuthority}`, /is not trusted/],
  ['no authority', () => '?sslmode=verify-full', /is not trusted/],
  ['the authorities of the system', () => '?sslrootcert=system', /is not trusted/],
])('a service that is told to trust %s ends with one sentence about the certificate', async (_, query, sentence) => {
  const { status, err } = await runServiceToItsEnd({ DATABASE_URL: await databaseUrl(query()) });

  expect(status).toBe(1);
  expect(err).toMatch(sentence);
  expect(err).toMatch(/^The certificate of the database at 127\.0\.0\.1:\d+\/tls_\d+ [^\n]+\n$/);
});

it('a certificate for another host is refused with verify-full, and accepted with verify-ca', async () => {
  const url = (await databaseUrl(`?sslrootcert=${authority}`)).replace('@127.0.0.1', '@localhost');

  const { status, err } = await runServiceToItsEnd({ DATABASE_URL: `${url}&sslmode=verify-full` });
  const isEncrypted = await connect(`${url}&sslmode=verify-ca`);

  expect(status).toBe(1);
  expect(err).toMatch(/^The certificate of the database at localhost:\d+\/tls_\d+ is not trusted: [^\n]+\n$/);
  expect(isEncrypted).toBe(true);
});

it('sslmode=verify-full compares the certificate with the host that PGHOST names', async () => {
  const url = new URL(await databaseUrl(`?sslmode=verify-full&sslrootcert=${authority}`));
  const DATABASE_URL = url.href.replace(url.host, '');
  const withHost = (PGHOST: string) => ({ DATABASE_URL, PGHOST, PGPORT: url.port });

  const created = await cliWith(withHost(url.hostname), 'project', 'create', '--name', 'Studio', '--owner', OWNER);
  const { status, err } = await runServiceToItsEnd(withHost('localhost'));

  expect(created).toMatchObject({ project_id: expect.any(String) });
  expect(status).toBe(1);
  expect(err).toMatch(/^The certificate of the database at localhost:\d+\/tls_\d+ is not trusted: [^\n]+\n$/);
});

it('with sslmode=require and a server without TLS, the service exits with one sentence', async () => {
  const { status, err } = await runServiceToItsEnd({ DATABASE_URL: `${inject('templateUrl')}?sslmode=require` });

  expect(status).toBe(1);
  expect(err).toMatch(/^The database at [^ ]+ does not accept TLS, which sslmode in DATABASE_URL requires: [^\n]+\n$/);
});

describe('servers that require a client certificate', () => {
  const [client, stranger] = [selfSigned({ commonName: USER }), selfSigned({ commonName: 'stranger' })];
  const file = (name: string) => join(folder, name);
  let url: string;
  beforeAll(async () => {
    for (const [name, { cert, key }] of Object.entries({ client, stranger })) {
      await writeFile(file(`${name}.crt`), cert);
      await writeFile(file(`${name}.key`), key, { mode: 0o600 });
    }
    await writeFile(
      file('locked.key'),
      createPrivateKey(client.key).export({
        type: 'pkcs8',
        format: 'pem',
        cipher: 'aes-256-cbc',
        passphrase: 's3cret',
      }),
      { mode: 0o600 },
    );
    await requireTls(server, certificate, client.cert + stranger.cert);
    const place = await createServiceDatabase(server, CERTIFIED_DATABASE);
    url = `postgres://${USER}:${encodeURIComponent(PASSWORD)}@${place}?sslmode=verify-full&sslrootcert=${authority}`;
  });
  afterAll(() => requireTls(server, certificate));

  it.each([
    [
      'sslcert and sslkey',
      () => ({ DATABASE_URL: `${url}&sslcert=${file('client.crt')}&sslkey=${file('client.key')}` }),
    ],
    [
      'a key with a password',
      () => ({
        DATABASE_URL: `${url}&sslcert=${file('client.crt')}&sslkey=${file('locked.key')}&sslpassword=s3cret`,
      }),
    ],
    [
      'PGSSLCERT and PGSSLKEY',
      () => ({ DATABASE_URL: url, PGSSLCERT: file('client.crt'), PGSSLKEY: file('client.key') }),
    ],
  ])('a server that requires a client certificate accepts the command line with %s', async (_, variables) => {
    expect(await cliWith(variables(), 'webhook', 'list')).toEqual({ webhooks: [] });
  });

  it.each([
    ['none', () => ''],
    ['one of another user', () => `&sslcert=${file('stranger.crt')}&sslkey=${file('stranger.key')}`],
  ])('a server that requires a client certificate refuses %s with one sentence', async (_, query) => {
    const { status, err } = await runServiceToItsEnd({ DATABASE_URL: url + query() });

    expect(status).toBe(1);
    expect(err).toMatch(/^The database at \S+ refuses the connection: [^\n]+\n$/);
  });
});

it('channel_binding=require refuses a server without channel binding', async () => {
  expect(await connect(await databaseUrl('?sslmode=require&channel_binding=require'))).toBe(true);
  await expect(connect(`${inject('templateUrl')}?channel_binding=require`)).rejects.toThrow(/no channel binding/);
});

it('a running service responds with 503 when the database refuses its user or its certificate changes', async () => {
  const url = await databaseUrl(`?sslmode=verify-full&sslrootcert=${authority}`);
  const service = await startServiceProcess({ database: { url }, metadataApi }, 'api');
  const endSessions = `select pg_terminate_backend(pid) from pg_stat_activity where usename = '${USER}'`;
  const { project_id } = await createProject(url);
  const { api_key } = await cli(url, 'api-key', 'create', '--project', project_id!);
  const read = async () => {
    const response = await fetch(`${service.url}/v1/limits`, { headers: { 'x-api-key': api_key! } });
    return { status: response.status, code: ((await response.json()) as { code?: string }).code };
  };
  const asked = await read();

  await asAdmin(server, async (client) => {
    await client.query(`alter role ${USER} nologin`);
    await client.query(endSessions);
  });
  const refused = await read();
  await asAdmin(server, (client) => client.query(`alter role ${USER} login`));
  await requireTls(server, selfSigned());
  await asAdmin(server, (client) => client.query(endSessions));
  const untrusted = await read();
  await requireTls(server, certificate);
  await service.end('SIGTERM');

  expect(asked).toMatchObject({ status: 200 });
  expect({ refused, untrusted }).toEqual({
    refused: { status: 503, code: 'service_unavailable' },
    untrusted: { status: 503, code: 'service_unavailable' },
  });
});
