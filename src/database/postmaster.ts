import { spawnSync } from 'node:child_process';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

const POLL_INTERVAL_MS = 50;
/** An empty postmaster.pid belongs to a starting server, or remains from a power failure. */
const EMPTY_FILE_GRACE_MS = 5_000;

/** The main process of a PostgreSQL server, as its postmaster.pid describes it. */
export interface Postmaster {
  pid: number;
  port: number;
  isReady: boolean;
}

export function postmasterFile(data: string): string {
  return join(data, 'postmaster.pid');
}

/** The server of this data directory in any state. Ignores a postmaster.pid that remains from a crash. */
export async function findPostmaster(data: string): Promise<Postmaster | null> {
  const text = await readFile(postmasterFile(data), 'utf8').catch(ignoreMissing);
  if (text === null) return null;
  if (text === '') return (await isRecent(postmasterFile(data))) ? { pid: NaN, port: NaN, isReady: false } : null;
  const lines = text.split('\n');
  const pid = Number(lines[0]);
  if (!isAlive(pid) || !(await runsIn(pid, data))) return null;
  return { pid, port: Number(lines[3]), isReady: lines[7]?.trim() === 'ready' };
}

/**
 * Waits until the server of this data directory accepts connections; null if there is none, or it stops. Throws if it is
 * still starting or stopping after `timeoutMs`.
 */
export async function findReadyPostmaster(
  data: string,
  { timeoutMs, signal }: { timeoutMs: number; signal?: AbortSignal | undefined },
): Promise<Postmaster | null> {
  for (const deadline = performance.now() + timeoutMs; ;) {
    signal?.throwIfAborted();
    const postmaster = await findPostmaster(data);
    if (!postmaster || postmaster.isReady) return postmaster;
    if (performance.now() > deadline) {
      throw new Error(
        `PostgreSQL in ${data} (process ${postmaster.pid}) has been starting or stopping for ${timeoutMs / 1000} s`,
      );
    }
    await pause(POLL_INTERVAL_MS);
  }
}

function isAlive(pid: number): boolean {
  if (!(pid > 0)) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Whether a live process is the server of this directory, or only has the process id of one that ended. */
async function runsIn(pid: number, data: string): Promise<boolean> {
  if (process.platform === 'linux') {
    // The working directory of a postmaster is its data directory. Without permission to read it, it is another user's.
    const [cwd, ours] = await Promise.all([stat(`/proc/${pid}/cwd`).catch(() => null), stat(data)]);
    return cwd !== null && cwd.ino === ours.ino && cwd.dev === ours.dev;
  }
  if (process.platform === 'win32') return true;
  const { stdout } = spawnSync('ps', ['-p', String(pid), '-o', 'command='], { encoding: 'utf8' });
  return stdout === null || stdout.includes('postgres');
}

async function isRecent(path: string): Promise<boolean> {
  const file = await stat(path).catch(ignoreMissing);
  return file !== null && Date.now() - file.mtimeMs < EMPTY_FILE_GRACE_MS;
}

function ignoreMissing(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT') return null;
  throw error;
}
