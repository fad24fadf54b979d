import { randomBytes } from 'node:crypto';
import { chown, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { POSTGRES_USER, runProgram, serverUser, type PostgresPrograms } from '@app/postgres-programs';
import { STAGING_PREFIX, type EmbeddedFolder } from './embedded-folder.js';
import { findPostmaster, findReadyPostmaster, postmasterFile } from './postmaster.js';

/** Long enough for a server that recovers after a crash. */
const START_TIMEOUT_MS = 60_000;
/** Another program may use a free port before the server listens on it. */
const MAX_START_TRIES = 3;

/** Creates the data directory under a temporary name and renames it, so that an interrupted initdb leaves nothing usable. */
export async function initialise(
  { initdb }: PostgresPrograms,
  { home, data, passwordFile }: EmbeddedFolder,
  signal: AbortSignal | undefined,
): Promise<void> {
  await removeStaging(home);
  const { uid, gid } = serverUser();
  const staging = await mkdtemp(join(home, STAGING_PREFIX));
  try {
    // An existing password is from a start that was interrupted just before the rename.
    await writeFile(passwordFile, randomBytes(24).toString('base64url'), { mode: 0o600, flag: 'wx' }).catch(
      ignoreExisting,
    );
    const passwordCopy = join(staging, 'password');
    await writeFile(passwordCopy, await readFile(passwordFile), { mode: 0o600 });
    if (uid !== undefined) for (const path of [staging, passwordCopy]) await chown(path, uid, gid);
    const args = [
      `--pgdata=${join(staging, 'data')}`,
      `--username=${POSTGRES_USER}`,
      `--pwfile=${passwordCopy}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      '--locale=C',
      '--no-instructions',
    ];
    await runProgram(initdb, args, { signal, interrupt: (pid) => void process.kill(-pid, 'SIGTERM') });
    await rename(join(staging, 'data'), data);
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

/** Removes directories of killed processes. An initdb that outlives its process fails then. */
async function removeStaging(home: string): Promise<void> {
  const left = (await readdir(home)).filter((name) => name.startsWith(STAGING_PREFIX));
  for (const name of left) await rm(join(home, name), { recursive: true, force: true }).catch(() => {});
}

/** The port of the server in this folder, once it accepts connections. null if none runs. */
export async function findServer({ data }: EmbeddedFolder, signal: AbortSignal | undefined): Promise<number | null> {
  const postmaster = await findReadyPostmaster(data, { timeoutMs: START_TIMEOUT_MS, signal });
  return postmaster && postmaster.port;
}

/** Starts a server and waits until it accepts connections. Returns its port. Call it only if none runs. */
export async function startServer(
  { pgCtl }: PostgresPrograms,
  folder: EmbeddedFolder,
  settings: readonly string[],
  signal: AbortSignal | undefined,
): Promise<number> {
  const { data } = folder;
  const log = join(data, 'server.log');
  // A crash leaves this file behind. PostgreSQL refuses to start once another process has its process id.
  await rm(postmasterFile(data), { force: true });
  for (let tries = 1; ; tries += 1) {
    const logged = await sizeOf(log);
    const port = await freePort();
    const options = ['-h 127.0.0.1', `-p ${port}`, '-k ""', ...settings.map((setting) => `-c ${setting}`)];
    const timeout = String(START_TIMEOUT_MS / 1000);
    const args = ['-D', data, '-l', log, '-o', options.join(' '), '-w', '-t', timeout, 'start'];
    try {
      await runProgram(pgCtl, args, { signal, interrupt: () => interruptStart(data) });
      return port;
    } catch (error) {
      if (signal?.aborted) throw error;
      // A process that was killed during its start has started it.
      const other = await findServer(folder, signal);
      if (other !== null) return other;
      const reason = (await readFile(log).catch(() => Buffer.alloc(0))).subarray(logged).toString().trim();
      if (tries < MAX_START_TRIES && reason.includes('could not bind')) continue;
      throw new Error(`PostgreSQL did not start in ${data}. ${reason || String(error)}`, { cause: error });
    }
  }
}

/** Stops the server and disconnects all clients. Has no effect on a server that is stopped already. */
export async function stopServer({ pgCtl }: PostgresPrograms, { data }: EmbeddedFolder): Promise<void> {
  if (!(await findPostmaster(data))) return;
  try {
    await runProgram(pgCtl, ['-D', data, '-m', 'fast', '-w', 'stop']);
  } catch (error) {
    if (await findPostmaster(data)) throw error;
  }
}

/** SIGINT is PostgreSQL's fast shutdown; pg_ctl ends when the server does. */
async function interruptStart(data: string): Promise<void> {
  const postmaster = await findPostmaster(data);
  if (postmaster?.pid) process.kill(postmaster.pid, 'SIGINT');
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as { port: number };
  await new Promise((done) => server.close(done));
  return port;
}

async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}

function ignoreExisting(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST') throw error;
}
