import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { findMajorVersion, findPrograms, POSTGRES_USER } from '@app/postgres-programs';
import { Client } from 'pg';
import {
  isInitialised,
  openEmbeddedFolder,
  removeEmbeddedFolder,
  type EmbeddedFolder,
  UnusableFolder,
} from './embedded-folder.js';
import { FileLock } from './file-lock.js';
import { findServer, initialise, startServer, stopServer } from './postgres-instance.js';

/** How long to wait for another process that initialises, starts or stops the server. */
const LOCK_TIMEOUT_MS = 120_000;

/** An embedded PostgreSQL server: its files are in one folder, and it is reachable from this machine only. */
export interface EmbeddedServer {
  /** Connection string of a database on this server. Creates a missing database and calls `onCreated` then. */
  databaseUrl(database: string, onCreated?: () => void): Promise<string>;
  /** Stops the server unless another process uses it. Disconnects other clients, such as psql. */
  leave(): Promise<void>;
  /** Removes the folder and all data. Call `leave` first. */
  remove(): Promise<void>;
}

/**
 * Starts the server whose data is in this folder, or joins a running one: the command line joins that of the service, and a
 * service joins that of its killed predecessor. Creates a missing folder and its data. The server runs in a session of its
 * own, so that Ctrl-C in a terminal stops the service first and the database after it.
 *
 * Processes enter and leave one at a time, under an exclusive file lock. Each process also holds a shared lock until it
 * leaves or ends, killed or not. The process that can lock that file exclusively is the last one, and stops the server.
 *
 * An aborted `signal` stops a start, including the server, and its reason is thrown. Throws UnusableFolder if the folder has
 * files that are not ours.
 */
export async function enterEmbeddedPostgres(
  folder: string,
  settings: readonly string[] = [],
  signal?: AbortSignal,
): Promise<EmbeddedServer> {
  const paths = await openEmbeddedFolder(resolve(folder));
  // Also before the lock, whose file would be a change to a folder that is refused.
  await isInitialised(paths, await findMajorVersion());
  return withLock(paths, signal, async () => {
    const programs = await findPrograms(paths.home);
    if (!(await isInitialised(paths, programs.majorVersion))) await initialise(programs, paths, signal);
    const port = (await findServer(paths, signal)) ?? (await startAlone());
    const membership = await FileLock.tryAcquire(paths.membersFile, 'shared');
    if (!membership) throw new Error(`${paths.membersFile} is locked by another program`);
    const password = (await readFile(paths.passwordFile, 'utf8')).trim();
    const url = (database: string) => `postgres://${POSTGRES_USER}:${password}@127.0.0.1:${port}/${database}`;

    return {
      databaseUrl: async (database, onCreated) => {
        if (await createDatabase(url('postgres'), database, paths)) onCreated?.();
        return url(database);
      },
      leave: async () => {
        if (!existsSync(paths.home)) return;
        await withLock(paths, undefined, async () => {
          membership.release();
          await ifUnused(paths, () => stopServer(programs, paths));
        });
      },
      remove: () => removeEmbeddedFolder(resolve(folder)),
    };

    async function startAlone(): Promise<number> {
      const started = await ifUnused(paths, () => startServer(programs, paths, settings, signal));
      if (started !== null) return started;
      // It was killed, or runs in another container with the same volume. A second server would destroy the data.
      throw new UnusableFolder(
        paths.home,
        'another process is using it, in another container or with a server that was killed; stop that process first',
      );
    }
  });
}

/** Runs `use` under the exclusive lock: one process at a time initialises, starts or stops the server. */
async function withLock<T>(
  { lockFile }: EmbeddedFolder,
  signal: AbortSignal | undefined,
  use: () => Promise<T>,
): Promise<T> {
  const lock = await FileLock.acquire(lockFile, { timeoutMs: LOCK_TIMEOUT_MS, signal });
  try {
    return await use();
  } finally {
    lock.release();
  }
}

/** Returns null without running `act` if a process uses the server. Call it under the lock. */
async function ifUnused<T>({ membersFile }: EmbeddedFolder, act: () => Promise<T>): Promise<T | null> {
  const alone = await FileLock.tryAcquire(membersFile, 'exclusive');
  if (!alone) return null;
  try {
    return await act();
  } finally {
    alone.release();
  }
}

/** Returns whether there was none. */
async function createDatabase(adminUrl: string, database: string, { home }: EmbeddedFolder): Promise<boolean> {
  const client = new Client({ connectionString: adminUrl });
  await client.connect().catch((error: { code?: string }) => {
    if (error.code !== '28P01') throw error;
    throw new UnusableFolder(home, 'its password file does not belong to its data');
  });
  try {
    const { rowCount } = await client.query('select from pg_database where datname = $1', [database]);
    if (rowCount !== 0) return false;
    return await client.query(`create database ${client.escapeIdentifier(database)}`).then(() => true, ignoreDuplicate);
  } finally {
    await client.end();
  }
}

function ignoreDuplicate(error: { code?: string }): false {
  if (error.code !== '42P04' && error.code !== '23505') throw error;
  return false;
}
