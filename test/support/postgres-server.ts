import { execFile, spawn } from 'node:child_process';
import { open, appendFile, chmod, mkdtemp, readFile, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { findPrograms, runProgram } from '@app/postgres-programs';
import { ProcessReaper } from '@app/testing';
import { Client } from 'pg';
import { enterEmbeddedPostgres } from '../../src/database/embedded-postgres.js';
import { migrate } from '../../src/database/migrations.js';

export interface PostgresServer {
  /** Connection string of a migrated database that suites copy. */
  templateUrl: string;
  /** SIGQUIT is an immediate shutdown without a checkpoint. SIGKILL kills only the postmaster; its children exit when they notice. */
  kill(signal: 'SIGQUIT' | 'SIGKILL'): Promise<void>;
  /** Restarts as a standby that receives nothing from a primary. */
  becomeStandby(): Promise<void>;
  /** Starts a hot standby with all databases of this server. It receives changes from `source`: this server, or a proxy in front of it. */
  startStandby(source?: string): Promise<PostgresServer>;
  /** Of a standby: runs `pg_ctl promote`, which ends when the server accepts writes. */
  promote(): Promise<void>;
  /** After `kill`: starts on the same port with the same settings, and recovers from the WAL. */
  restart(): Promise<void>;
  remove(): Promise<void>;
}

/** Starts a PostgreSQL server in a temporary folder. As root, the server runs as the user `postgres`. */
export async function startPostgresServer(settings: readonly string[]): Promise<PostgresServer> {
  const server = await startServerIn(await createFolder(), settings);
  await migrate(server.templateUrl);
  return server;
}

async function createFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'nft-refresh-test-'));
  await chmod(folder, 0o755);
  return folder;
}

async function startServerIn(folder: string, settings: readonly string[]): Promise<PostgresServer> {
  const reaper = new ProcessReaper();
  reaper.trackServer(folder);
  const server = await enterEmbeddedPostgres(folder, settings);
  const templateUrl = await server.databaseUrl('template_nft_refresh');
  const data = await dataFolder(templateUrl);

  const kill = async (signal: 'SIGINT' | 'SIGQUIT' | 'SIGKILL') => {
    const pid = await postmasterPid(data);
    process.kill(pid, signal);
    await waitUntil(async () => !isAlive(pid) && !(await acceptsConnections(templateUrl)));
  };

  const restart = async () => {
    // The shared memory of a killed postmaster prevents a new start until its last child has exited.
    await waitUntil(async () => {
      const postmaster = await relaunch(data);
      await waitUntil(async () => postmaster.exitCode !== null || (await acceptsConnections(templateUrl)));
      return postmaster.exitCode === null;
    });
  };

  return {
    templateUrl,
    kill,
    restart,
    async becomeStandby() {
      await kill('SIGINT');
      await writeFile(join(data, 'standby.signal'), '');
      await restart();
    },
    async startStandby(source = templateUrl) {
      const copy = await createFolder();
      // The files of a server that was shut down are consistent.
      await kill('SIGINT');
      await copyServer(dirname(data), copy);
      await restart();
      await writeFile(join(copy, 'data', 'standby.signal'), '');
      const { hostname, port, username, password } = new URL(source);
      await appendFile(
        join(copy, 'data', 'postgresql.auto.conf'),
        `primary_conninfo = 'host=${hostname} port=${port} user=${username} password=${password}'\n`,
      );
      return startServerIn(copy, settings);
    },
    async promote() {
      const { pgCtl } = await findPrograms(dirname(data));
      await runProgram(pgCtl, ['-D', data, '-w', 'promote']);
    },
    remove: () => reaper.end(),
  };
}

/** With owners and permissions, which PostgreSQL checks. */
async function copyServer(from: string, to: string): Promise<void> {
  await promisify(execFile)('cp', ['-a', join(from, 'data'), join(from, 'password'), to]);
}

/** Uses the command line in `postmaster.opts`, which the first start wrote. */
async function relaunch(data: string) {
  const command = await readFile(join(data, 'postmaster.opts'), 'utf8');
  const { uid, gid } = await stat(data);
  const log = await open(join(data, 'server.log'), 'a');
  const postmaster = spawn(
    command.slice(0, command.indexOf(' "')),
    [...command.matchAll(/"([^"]*)"/g)].map(([, argument]) => argument!),
    { ...(process.getuid?.() === 0 && { uid, gid }), stdio: ['ignore', log.fd, log.fd], detached: true, cwd: '/' },
  );
  postmaster.unref();
  await log.close();
  return postmaster;
}

async function postmasterPid(data: string): Promise<number> {
  return Number((await readFile(join(data, 'postmaster.pid'), 'utf8')).split('\n', 1)[0]);
}

async function dataFolder(url: string): Promise<string> {
  const client = new Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query<{ data_directory: string }>('show data_directory');
  await client.end();
  return rows[0]!.data_directory;
}

async function acceptsConnections(url: string): Promise<boolean> {
  const client = new Client({ connectionString: url });
  client.on('error', () => {});
  try {
    await client.connect();
    await client.query('select 1');
    await client.end();
    return true;
  } catch {
    return false;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Vitest's `waitUntil` is not available in the global set-up, which uses this file. */
async function waitUntil(condition: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 600; tries += 1) {
    if (await condition()) return;
    await new Promise((done) => setTimeout(done, 100));
  }
  throw new Error('PostgreSQL did not stop or start within a minute.');
}
