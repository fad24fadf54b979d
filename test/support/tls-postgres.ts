import { chown, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client } from 'pg';
import type { Certificate } from './certificate.js';
import type { PostgresServer } from './postgres-server.js';

export const USER = 'service';
export const PASSWORD = 'only with TLS';

/** Into this database, the user `service` gets with a client certificate only. */
export const CERTIFIED_DATABASE = 'certified';

/**
 * Enables TLS with this certificate on a running server, and requires it for the user `service`, who is not a superuser. The superuser
 * can still connect without TLS. Client certificates of `clientAuthority` are trusted.
 */
export async function requireTls(
  server: PostgresServer,
  { cert, key }: Certificate,
  clientAuthority: string = cert,
): Promise<void> {
  await asAdmin(server, async (client) => {
    const { rows } = await client.query<{ data: string }>(`select current_setting('data_directory') as data`);
    const { data } = rows[0]!;
    const { uid, gid } = await stat(data);
    const files = {
      'server.crt': cert,
      'server.key': key,
      'clients.crt': clientAuthority,
      'pg_hba.conf': `hostssl ${CERTIFIED_DATABASE} ${USER} all scram-sha-256 clientcert=verify-full\nhostssl all ${USER} all scram-sha-256\nhost all postgres all scram-sha-256\nlocal all all scram-sha-256\n`,
    };
    for (const [name, content] of Object.entries(files)) {
      await writeFile(join(data, name), content, { mode: 0o600 });
      await chown(join(data, name), uid, gid);
    }
    await client.query('alter system set ssl = on');
    await client.query(`alter system set ssl_ca_file = 'clients.crt'`);
    await client.query('select pg_reload_conf()');
  });
}

/** Creates the user `service` and an empty database owned by it. Returns `host:port/database`. */
export async function createServiceDatabase(
  server: Pick<PostgresServer, 'templateUrl'>,
  name: string,
): Promise<string> {
  await asAdmin(server, async (client) => {
    const { rowCount } = await client.query('select from pg_roles where rolname = $1', [USER]);
    if (rowCount === 0) await client.query(`create role ${USER} login password '${PASSWORD}'`);
    await client.query(`create database ${name} owner ${USER}`);
  });
  return `${new URL(server.templateUrl).host}/${name}`;
}

/** For each session of the user `service`: whether it uses TLS, according to the server. */
export async function encryptedSessions(server: PostgresServer): Promise<boolean[]> {
  return asAdmin(server, async (client) => {
    const { rows } = await client.query<{ ssl: boolean }>(
      'select ssl from pg_stat_ssl join pg_stat_activity using (pid) where usename = $1',
      [USER],
    );
    return rows.map(({ ssl }) => ssl);
  });
}

export async function asAdmin<T>(
  server: Pick<PostgresServer, 'templateUrl'>,
  use: (client: Client) => Promise<T>,
): Promise<T> {
  const client = new Client({ connectionString: server.templateUrl });
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}
