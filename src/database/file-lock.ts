import { closeSync, fstatSync, openSync, statSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';

const POLL_INTERVAL_MS = 50;

/**
 * An advisory lock on a file, kept by the operating system. It ends with the process that holds it, however that
 * process ends: there are no stale locks, and no process id is ever compared. Child processes do not inherit it.
 */
export class FileLock {
  // A number, not a FileHandle: nothing closes it when this object is garbage collected.
  private constructor(private fd: number | null) {}

  /** Acquires the lock unless another holder excludes it: many may share it, or one holds it exclusively. Creates the file. */
  static async tryAcquire(path: string, mode: 'shared' | 'exclusive'): Promise<FileLock | null> {
    // Loaded on first use: with DATABASE_URL, the service also runs where this native module does not.
    const { tryLock } = await import('fs-native-extensions');
    const fd = openSync(path, 'a+', 0o600);
    try {
      if (tryLock(fd, { shared: mode === 'shared' }) && isStillAt(path, fd)) return new FileLock(fd);
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    closeSync(fd);
    return null;
  }

  /** Waits for the exclusive lock. Throws the signal's reason, or an error after `timeoutMs`. */
  static async acquire(path: string, { timeoutMs, signal }: { timeoutMs: number; signal?: AbortSignal | undefined }) {
    for (const deadline = performance.now() + timeoutMs; ;) {
      signal?.throwIfAborted();
      const lock = await FileLock.tryAcquire(path, 'exclusive');
      if (lock) return lock;
      if (performance.now() > deadline) throw new Error(`${path} has been locked for ${timeoutMs / 1000} s`);
      await pause(POLL_INTERVAL_MS);
    }
  }

  /** A second call has no effect. */
  release(): void {
    if (this.fd !== null) closeSync(this.fd);
    this.fd = null;
  }
}

/** A file that was removed and created again meanwhile is another file, with locks of its own. */
function isStillAt(path: string, fd: number): boolean {
  const [ours, current] = [fstatSync(fd, { bigint: true }), statSync(path, { bigint: true, throwIfNoEntry: false })];
  return current !== undefined && current.ino === ours.ino && current.dev === ours.dev;
}
