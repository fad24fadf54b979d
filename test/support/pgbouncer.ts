import { spawn, spawnSync } from 'node:child_process';
import { chmod, chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { findFreePort } from './host-process.js';

/** Debian installs PgBouncer in /usr/sbin, which is not on the PATH of every user. */
const PATH = `${process.env['PATH']}:/usr/sbin`;

/** A PgBouncer process. It refuses to run as root, so as root it runs as the user `postgres`. */
export interface PgBouncer {
  /** The database URL through PgBouncer. */
  url: string;
  stop(): Promise<void>;
}

export async function startPgBouncer(
  databaseUrl: string,
  poolMode: 'session' | 'transaction',
  settings: Readonly<Record<string, string | number>> = {},
): Promise<PgBouncer> {
  const { hostname, port, username, password } = new URL(databaseUrl);
  const folder = await mkdtemp(join(tmpdir(), 'nft-refresh-pgbouncer-'));
  const [configuration, users] = [join(folder, 'pgbouncer.ini'), join(folder, 'users.txt')];
  const ownPort = await findFreePort();
  const lines = Object.entries({
    listen_addr: '127.0.0.1',
    listen_port: ownPort,
    unix_socket_dir: '',
    auth_type: 'scram-sha-256',
    auth_file: users,
    pool_mode: poolMode,
    ...settings,
  }).map(([name, value]) => `${name} = ${value}`);
  await writeFile(users, `"${username}" "${decodeURIComponent(password)}"\n`);
  await writeFile(configuration, `[databases]\n* = host=${hostname} port=${port}\n[pgbouncer]\n${lines.join('\n')}\n`);
  const user = runAs();
  for (const path of [folder, configuration, users]) {
    await chmod(path, path === folder ? 0o755 : 0o600);
    if (user) await chown(path, user.uid, user.gid);
  }

  const pooler = spawn('pgbouncer', [configuration], { ...user, env: { PATH }, cwd: '/' });
  let output = '';
  pooler.stdout.on('data', (chunk) => (output += String(chunk)));
  pooler.stderr.on('data', (chunk) => (output += String(chunk)));
  const ended = new Promise((done) => pooler.once('close', done).once('error', done));

  const changed = new URL(databaseUrl);
  changed.host = `127.0.0.1:${ownPort}`;
  await vi.waitUntil(
    async () => {
      if (pooler.exitCode !== null || pooler.pid === undefined) throw new Error(`PgBouncer did not start:\n${output}`);
      return acceptsConnections(changed.href);
    },
    { timeout: 20_000, interval: 50 },
  );
  return {
    url: changed.href,
    async stop() {
      pooler.kill('SIGTERM');
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function runAs(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const id = (flag: string) => Number(spawnSync('id', [flag, 'postgres'], { encoding: 'utf8' }).stdout);
  return { uid: id('-u'), gid: id('-g') };
}

async function acceptsConnections(url: string): Promise<boolean> {
  const client = new Client({ connectionString: url });
  client.on('error', () => {});
  return client.connect().then(
    async () => {
      await client.end();
      return true;
    },
    () => false,
  );
}
