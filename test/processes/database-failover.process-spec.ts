import { chown, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MetadataHost } from '@app/testing';
import { inject } from 'vitest';
import { connectionTo } from '../../src/database/database-client.js';
import { createEmptyDatabase } from '../support/database.js';
import { findFreePort } from '../support/host-process.js';
import { startPostgresServer, type PostgresServer } from '../support/postgres-server.js';
import { startServiceProcess } from '../support/service-process.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { asAdmin, createServiceDatabase, PASSWORD, USER } from '../support/tls-postgres.js';

let database: Awaited<ReturnType<typeof createEmptyDatabase>>;
beforeAll(async () => {
  database = await createEmptyDatabase();
});
afterAll(() => database.drop());

/** The same database, at these hosts. */
function at(hosts: readonly string[], query = ''): string {
  const { username, password, pathname } = new URL(database.url);
  return `postgres://${username}:${password}@${hosts.join(',')}${pathname}${query}`;
}

async function ask<Row extends object>(url: string, text: string): Promise<Row> {
  const client = connectionTo(url).newClient();
  await client.connect();
  try {
    return (await client.query(text)).rows[0] as Row;
  } finally {
    await client.end();
  }
}

it('a service goes to the next host when one is unavailable, and back when that one becomes unavailable', async () => {
  const [first, second] = await Promise.all([TcpProxy.start(database.url), TcpProxy.start(database.url)]);
  const hosts = [first, second].map((proxy) => new URL(proxy.throughProxy(database.url)).host);
  const metadataApi = await MetadataHost.start();
  first.refuse();

  const service = await startServiceProcess({ database: { url: at(hosts) }, metadataApi }, 'all');
  const readiness = async () => (await fetch(`${service.url}/health/ready`)).status;
  const atSecond = await readiness();
  first.forward();
  second.refuse();
  await vi.waitUntil(async () => (await readiness()) === 200, { timeout: 20_000 });
  await service.end('SIGTERM');

  expect(atSecond).toBe(200);
  await Promise.all([first.close(), second.close(), metadataApi.close()]);
});

describe('a read-only host and a writable one', () => {
  const NAME = 'two_hosts';
  const run = { templateUrl: inject('templateUrl') };
  let other: PostgresServer;
  let hosts: string[];
  beforeAll(async () => {
    other = await startPostgresServer([]);
    await Promise.all([other, run].map((server) => createServiceDatabase(server, NAME)));
    await setReadOnly(other, true);
    hosts = [other, run].map(({ templateUrl }) => new URL(templateUrl).host);
  });
  afterAll(async () => {
    await other.remove();
    await asAdmin(run, (client) => client.query(`drop database ${NAME} with (force)`));
  });

  const url = (attrs: string, of = hosts) =>
    `postgres://${USER}:${encodeURIComponent(PASSWORD)}@${of.join(',')}/${NAME}?target_session_attrs=${attrs}`;

  /** For sessions that begin from then on. */
  async function setReadOnly(server: { templateUrl: string }, isReadOnly: boolean): Promise<void> {
    await asAdmin(server, (client) =>
      client.query(`alter database ${NAME} set default_transaction_read_only = ${isReadOnly}`),
    );
  }

  it.each([
    ['any', 'on'],
    ['read-write', 'off'],
    ['read-only', 'on'],
    ['primary', 'on'],
    ['prefer-standby', 'on'],
  ])(
    'of a read-only host and a writable one, target_session_attrs=%s takes the first that fits',
    async (attrs, readOnly) => {
      const urls = attrs === 'read-write' ? [url(attrs), url(attrs, hosts.toReversed())] : [url(attrs)];

      for (const each of urls) {
        expect(await ask(each, `select current_setting('default_transaction_read_only') as "readOnly"`)).toEqual({
          readOnly,
        });
      }
    },
  );

  it('a connection goes to the other host when the read-only host and the writable one change their roles', async () => {
    const connection = connectionTo(url('read-write'));
    const port = async () => {
      const client = connection.newClient();
      await client.connect();
      const { rows } = await client.query<{ port: string }>(`select current_setting('port') as port`);
      await client.end();
      return rows[0]!.port;
    };

    const before = await port();
    await setReadOnly(run, true);
    await setReadOnly(other, false);
    await expect(port()).rejects.toThrow(/not read-write/);
    const after = await port();

    expect([before, after]).toEqual([run, other].map(({ templateUrl }) => new URL(templateUrl).port));
  });
});

describe('a primary and a standby', () => {
  const NAME = 'with_standby';
  const run = { templateUrl: inject('templateUrl') };
  let standby: PostgresServer;
  let hosts: string[];
  beforeAll(async () => {
    standby = await startPostgresServer([]);
    await Promise.all([standby, run].map((server) => createServiceDatabase(server, NAME)));
    await standby.becomeStandby();
    hosts = [run, standby].map(({ templateUrl }) => new URL(templateUrl).host);
  });
  afterAll(async () => {
    await standby.remove();
    await asAdmin(run, (client) => client.query(`drop database ${NAME} with (force)`));
  });

  it.each([
    ['standby', true],
    ['prefer-standby', true],
    ['read-only', true],
    ['primary', false],
    ['read-write', false],
  ])(
    'of a primary and a standby, target_session_attrs=%s takes the one that fits, whatever their order',
    async (attrs, isStandby) => {
      for (const order of [hosts, hosts.toReversed()]) {
        const url = `postgres://${USER}:${encodeURIComponent(PASSWORD)}@${order.join(',')}/${NAME}?target_session_attrs=${attrs}`;

        expect(await ask(url, 'select pg_is_in_recovery() as "isStandby"')).toEqual({ isStandby });
      }
    },
  );

  it('target_session_attrs=prefer-standby takes the primary while there is no standby', async () => {
    const url = at(
      [`127.0.0.1:${await findFreePort()}`, new URL(database.url).host],
      '?target_session_attrs=prefer-standby',
    );

    expect(await ask(url, 'select pg_is_in_recovery() as "isStandby"')).toEqual({ isStandby: false });
  });
});

it('a list of hosts of which none fits is refused with the reason of each', async () => {
  const closed = `127.0.0.1:${await findFreePort()}`;

  await expect(
    ask(at([closed, new URL(database.url).host], '?target_session_attrs=standby'), 'select 1'),
  ).rejects.toThrow(/ECONNREFUSED.*; the session is not standby/);
});

it('a host may be a Unix socket', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'nft-refresh-socket-'));
  const { uid, gid } = await stat(await dataFolder());
  await chown(folder, uid, gid);
  const server = await startPostgresServer([`unix_socket_directories=${folder}`]);
  try {
    const { username, password, pathname, port } = new URL(server.templateUrl);
    const user = `${username}:${password}`;

    for (const url of [
      `postgres://${user}@${encodeURIComponent(folder)}:${port}${pathname}`,
      `postgres://${user}@${pathname}?host=${folder}&port=${port}&sslmode=require`,
    ]) {
      expect(await ask(url, 'select inet_client_addr() as address')).toEqual({ address: null });
    }
  } finally {
    await server.remove();
    await rm(folder, { recursive: true, force: true });
  }
});

it('application_name, options and search_path reach the sessions of the service', async () => {
  const metadataApi = await MetadataHost.start();
  const query = '?application_name=refresher&options=-c%20search_path%3Dshop%20-c%20statement_timeout%3D7s';
  const url = at([new URL(database.url).host], query);

  const service = await startServiceProcess({ database: { url }, metadataApi }, 'all');
  // A process that is ready opens its connections when it needs them.
  const hasSession = await vi.waitUntil(
    async () => (await database.query(`select from pg_stat_activity where application_name = 'refresher'`)).length > 0,
    { timeout: 20_000 },
  );
  const settings = await ask(
    url,
    `select current_setting('search_path') as path, current_setting('statement_timeout') as longest`,
  );
  await service.end('SIGTERM');
  await metadataApi.close();

  expect(hasSession).toBe(true);
  expect(settings).toEqual({ path: 'shop', longest: '7s' });
});

async function dataFolder(): Promise<string> {
  const { folder } = await ask<{ folder: string }>(
    inject('templateUrl'),
    `select current_setting('data_directory') as folder`,
  );
  return folder;
}
