import { spawn } from 'node:child_process';
import { open, chmod, mkdtemp, readFile, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { enterEmbeddedPostgres } from '../../src/database/embedded-postgres.js';
import { migrate } from '../../src/database/migrations.js';
import { Guardian } from './guardian.js';

export interface PostgresServer {
  /** A migrated database, for suites to copy. */
  templateUrl: string;
  /** SIGQUIT stops at once, without writing anything out; SIGKILL takes the postmaster and leaves its children to notice. */
  kill(signal: 'SIGQUIT' | 'SIGKILL'): Promise<void>;
  /** After `kill`: on the same port, with the same settings; it recovers from its log. */
  restart(): Promise<void>;
  remove(): Promise<void>;
}

/** A PostgreSQL server with a folder of its own. Works for any user; for root the server runs as `postgres`. */
export async function startPostgresServer(settings: readonly string[]): Promise<PostgresServer> {
  const folder = await mkdtemp(join(tmpdir(), 'nft-refresh-test-'));
  await chmod(folder, 0o755);
  const guardian = new Guardian();
  guardian.watchServer(folder);
  const server = await enterEmbeddedPostgres(folder, settings);
  const templateUrl = await server.databaseUrl('template_nft_refresh');
  const data = await dataFolder(templateUrl);
  await migrate(templateUrl);

  const kill = async (signal: 'SIGQUIT' | 'SIGKILL') => {
    const pid = await postmasterPid(data);
    process.kill(pid, signal);
    await until(async () => !isAlive(pid) && !(await responses(templateUrl)));
  };

  return {
    templateUrl,
    kill,
    async restart() {
      // Until the last child of a killed postmaster has gone, its shared memory keeps a new one from starting.
      await until(async () => {
        const postmaster = await startAgain(data);
        await until(async () => postmaster.exitCode !== null || (await responses(templateUrl)));
        return postmaster.exitCode === null;
      });
    },
    remove: () => guardian.end(),
  };
}

/** With the command line that the server wrote down when it was started first. */
async function startAgain(data: string) {
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

async function responses(url: string): Promise<boolean> {
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

/** Not vitest's: this file also serves its global set-up, where there is none. */
async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 600; tries += 1) {
    if (await isSo()) return;
    await new Promise((done) => setTimeout(done, 100));
  }
  throw new Error('PostgreSQL did neither stop nor start within a minute.');
}
