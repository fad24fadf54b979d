import { createHash } from 'node:crypto';
import { access, chmod, constants, lstat, mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join, resolve } from 'node:path';
import { isOpenToAll, POSTGRES_USER, PROGRAMS_PREFIX, runsAsRoot, serverUser } from '@app/postgres-programs';

/** The prefix of a data directory that is being created. */
export const STAGING_PREFIX = 'initialising-';

/** The folder has files that do not belong to the embedded PostgreSQL, or cannot be used. Nothing in it was changed. */
export class UnusableFolder extends Error {
  override readonly name = 'UnusableFolder';

  constructor(folder: string, problem: string) {
    super(
      `The embedded PostgreSQL cannot use ${folder}: ${problem}. Nothing was changed. ` +
        `Set DATABASE_URL to a database of your own, or move what is there.`,
    );
  }
}

/** Where an embedded server keeps its files. */
export interface EmbeddedFolder {
  /** The folder itself, or one in the temporary folder when the server's user cannot enter it. */
  home: string;
  /** PostgreSQL's data directory. */
  data: string;
  /** The superuser's password. */
  passwordFile: string;
  /** Locked exclusively by the process that starts or stops the server. */
  lockFile: string;
  /** Locked shared by every process that uses the server. */
  membersFile: string;
}

/** The paths of an embedded server. Creates a missing folder. Throws UnusableFolder. */
export async function openEmbeddedFolder(folder: string): Promise<EmbeddedFolder> {
  await createFolder(folder);
  const home = await reachableHome(folder);
  const paths = pathsIn(home);
  await assertUsable(paths);
  return paths;
}

/** Removes the folder with all data. The server must not be in use. */
export async function removeEmbeddedFolder(folder: string): Promise<void> {
  for (const path of [folder, homeInTemporaryFolder(folder)]) await rm(path, { recursive: true, force: true });
}

/** Whether there is a data directory. Throws UnusableFolder if it is not ours, or of another version. */
export async function isInitialised(folder: EmbeddedFolder, majorVersion: string): Promise<boolean> {
  await assertUsable(folder);
  const version = await readFile(join(folder.data, 'PG_VERSION'), 'utf8').catch(ignoreMissing);
  if (version === null) return false;
  if (version.trim() !== majorVersion) {
    throw new UnusableFolder(
      folder.home,
      `it holds the data of PostgreSQL ${version.trim()}, and this is PostgreSQL ${majorVersion}`,
    );
  }
  return true;
}

function pathsIn(home: string): EmbeddedFolder {
  return {
    home,
    data: join(home, 'data'),
    passwordFile: join(home, 'password'),
    lockFile: join(home, 'lock'),
    membersFile: join(home, 'members'),
  };
}

async function createFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true }).catch((error: NodeJS.ErrnoException) => {
    throw new UnusableFolder(
      folder,
      error.code === 'EEXIST' || error.code === 'ENOTDIR'
        ? 'a file has its name'
        : `it cannot be created (${error.message})`,
    );
  });
}

/** The server's user cannot reach files below a folder that only root may enter; they go to the temporary folder then. */
async function reachableHome(folder: string): Promise<string> {
  if (!runsAsRoot() || (await isOpenToAll(folder))) return folder;
  const home = homeInTemporaryFolder(folder);
  await mkdir(home, { recursive: true }).catch(() => {});
  // Every user may create files in the temporary folder, and the name of ours can be guessed.
  const created = await lstat(home);
  if (!created.isDirectory() || created.uid !== 0) throw new UnusableFolder(home, 'it belongs to another user');
  await chmod(home, 0o755);
  return home;
}

function homeInTemporaryFolder(folder: string): string {
  const hash = createHash('sha256').update(resolve(folder)).digest('hex').slice(0, 16);
  return join(tmpdir(), `nft-refresh-${hash}`);
}

async function assertUsable({ home, data, passwordFile }: EmbeddedFolder): Promise<void> {
  const names = await readdir(home).catch((error: NodeJS.ErrnoException) => {
    throw new UnusableFolder(home, `it cannot be read by ${userInfo().username} (${error.message})`);
  });
  await access(home, constants.W_OK).catch(() => {
    throw new UnusableFolder(home, `${userInfo().username} may not write to it`);
  });
  if (await isAbsentOrEmpty(data)) {
    const foreign = names.filter((name) => name !== 'data' && !isOurs(name));
    if (foreign.length > 0) throw new UnusableFolder(home, `it has files that are not ours (${listed(foreign)})`);
    return;
  }
  const inside = await readdir(data).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'EACCES') return null;
    throw new UnusableFolder(home, `data/ is not a PostgreSQL data directory (${error.message})`);
  });
  if (inside && !inside.includes('PG_VERSION')) {
    throw new UnusableFolder(home, `data/ is not a PostgreSQL data directory (it has ${listed(inside)})`);
  }
  await assertOwned(home, data);
  if (!names.includes('password')) {
    throw new UnusableFolder(
      home,
      'data/ is a PostgreSQL data directory that was not made here: no password beside it',
    );
  }
  await access(passwordFile, constants.R_OK).catch(() => {
    throw new UnusableFolder(home, `${userInfo().username} may not read ${passwordFile}`);
  });
}

async function assertOwned(home: string, data: string): Promise<void> {
  const { uid } = await stat(data);
  const ours = runsAsRoot() ? serverUser().uid : process.getuid?.();
  if (ours !== undefined && uid !== ours) {
    const name = runsAsRoot() ? POSTGRES_USER : userInfo().username;
    throw new UnusableFolder(home, `data/ belongs to the user id ${uid}, and PostgreSQL runs as ${name} (${ours})`);
  }
}

async function isAbsentOrEmpty(data: string): Promise<boolean> {
  return readdir(data).then(
    (names) => names.length === 0,
    (error: NodeJS.ErrnoException) => error.code === 'ENOENT',
  );
}

/** Ignores files of desktops, of version control and of the root of a file system. */
function isOurs(name: string): boolean {
  return (
    ['lock', 'members', 'password', 'lost+found'].includes(name) ||
    [STAGING_PREFIX, PROGRAMS_PREFIX, '.'].some((prefix) => name.startsWith(prefix))
  );
}

function listed(names: readonly string[]): string {
  const shown = names.toSorted().slice(0, 5).join(', ');
  return names.length > 5 ? `${shown}, …` : shown;
}

function ignoreMissing(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT') return null;
  throw error;
}
